#!/usr/bin/env bash
# A Slurm cluster of four virtual nodes on this machine, as root, for tests and to try out `--slurm`:
#
#     tests/support/virtual_cluster.sh FOLDER up     prints the SLURM_CONF to set, once nodes are idle
#     tests/support/virtual_cluster.sh FOLDER down
#
# Needs Debian's slurm-wlm, munge, libpmix-dev (its plugin opens libpmix.so) and openmpi-bin. All daemons listen on loopback.
set -euo pipefail
mkdir -p "$1" && lab=$(cd "$1" && pwd)

if [ "$2" = down ]; then
  for name in n1 n2 n3 n4 ctld munged; do
    [ -f "$lab/run/$name" ] && kill "$(cat "$lab/run/$name")" 2>/dev/null || true
  done
  exit 0
fi

mkdir -p "$lab"/{etc,log,run,state,spool,scratch/n1,scratch/n2,scratch/n3,scratch/n4}
chmod 755 "$lab" "$lab/run" # munge takes no socket in a folder that others cannot enter
[ -f "$lab/munge.key" ] || { head -c 128 /dev/urandom > "$lab/munge.key"; chmod 400 "$lab/munge.key"; }
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$lab/etc/cgroup.conf"
nodes=$(for i in 1 2 3 4; do
  echo "NodeName=n$i NodeHostname=localhost NodeAddr=127.0.0.1 Port=1700$i CPUs=2 RealMemory=4000"
done)
# a requeued job begins again once its old credential has expired
cat > "$lab/etc/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$lab/run/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool/%n
SlurmctldPidFile=$lab/run/slurmctld.pid
SlurmdPidFile=$lab/run/slurmd.%n.pid
SlurmctldLogFile=$lab/log/slurmctld.log
SlurmdLogFile=$lab/log/slurmd.%n.log
TmpFS=$lab/scratch/%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=15
SlurmdTimeout=12
InactiveLimit=0
KillWait=3
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
$nodes
PartitionName=main Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
export SLURM_CONF=$lab/etc/slurm.conf
munged --force --key-file="$lab/munge.key" --socket="$lab/run/munge.socket" --pid-file="$lab/run/munged" \
  --log-file="$lab/log/munged.log" --seed-file="$lab/run/munged.seed" 2> "$lab/log/munged.out"
# what outlives this script keeps none of its streams
slurmctld -c -i -D -f "$SLURM_CONF" > "$lab/log/ctld.out" 2>&1 < /dev/null & echo $! > "$lab/run/ctld"
for node in n1 n2 n3 n4; do
  slurmd -D -N $node -f "$SLURM_CONF" > "$lab/log/$node.out" 2>&1 < /dev/null & echo $! > "$lab/run/$node"
done
for _ in $(seq 120); do
  if [ "$(sinfo -h -t idle -o %D 2>/dev/null || true)" = 4 ]; then
    echo "$SLURM_CONF"
    exit 0
  fi
  sleep 0.5
done
echo "no idle nodes: see $lab/log" >&2
exit 1
