#!/usr/bin/env bash
# A cluster of one node, this machine, under a folder of its own, and a command run on it: not part of the tests, as it needs root
# and Debian's slurm-wlm (apt-get install slurm-wlm), and Snakemake's plugin for Slurm (pip install snakemake-executor-plugin-slurm).
#
#     tests/slurm/run.sh FOLDER snakemake --workflow-profile profiles/slurm --slurm-status-command squeue \
#         --configfile config/quick.yaml …
#
# The node has the machine's cores and memory and one GPU that is none (/dev/tty1). FOLDER keeps the logs of Slurm.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
shift
host=$(hostname -s)
mkdir -p "$folder"/{bin,spool,state}
cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPort=$((20000 + $$ % 20000))
SlurmdPort=$((20001 + $$ % 20000))
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdSpoolDir=$folder/spool
StateSaveLocation=$folder/state
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=1,sched_interval=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(free -m | awk '/^Mem:/ {print int(0.9 * $2)}') Gres=gpu:1
PartitionName=one Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
echo "NodeName=$host Name=gpu File=/dev/tty1" > "$folder/gres.conf"
printf 'CgroupAutomount=no\n' > "$folder/cgroup.conf"
for name in sbatch srun squeue scancel sinfo scontrol sacct sacctmgr; do  # the plugin drops SLURM_CONF from the environment
    printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$folder/slurm.conf" "$(command -v "$name")" > "$folder/bin/$name"
    chmod +x "$folder/bin/$name"
done
export PATH="$folder/bin:$PATH"
command=
stop() {
    trap '' TERM INT # a second signal would leave the daemons
    kill $command "$(cat "$folder/slurmd.pid")" "$(cat "$folder/slurmctld.pid")" 2> /dev/null || true
}
trap stop EXIT
trap 'exit 143' TERM INT
SLURM_CONF=$folder/slurm.conf slurmctld -c
SLURM_CONF=$folder/slurm.conf slurmd -c
for _ in $(seq 60); do
    sinfo -h -o %T 2> /dev/null | grep -q idle && break
    sleep 1
done
sinfo -N -o "%N %c cores, %m MB, %G, %T"
"$@" & command=$!
wait "$command"
