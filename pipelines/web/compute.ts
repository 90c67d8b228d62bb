/** Script of the threads of the CPU device. */
import "@chain-of-sight/kernels/thread";
