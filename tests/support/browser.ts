/** Headless Chromium for tests of pages. Where `CHROMIUM` names the program, that one is taken; Debian's otherwise. */
import { type Browser, chromium } from "playwright-core";

const DEBIAN = "/usr/bin/chromium";

/** Opens the browser; a machine without one is informed what to install. */
export const openBrowser = async (args: readonly string[] = ["--disable-gpu"]): Promise<Browser> => {
  const program = Deno.env.get("CHROMIUM") ?? DEBIAN;
  try {
    await Deno.stat(program);
  } catch {
    throw new Error(
      `no browser at ${program}: install Debian's chromium (apt-get install chromium), or name one in CHROMIUM`,
    );
  }
  // what runs as root in a container has no sandbox of the browser's own; no page of these tests is from outside
  return await chromium.launch({ executablePath: program, args: ["--no-sandbox", ...args] });
};

/** WebGPU by SwiftShader, which computes on the processor. */
export const swiftShader: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--ignore-gpu-blocklist",
];
