#!/usr/bin/env bash
# Sets up an instance for its Jibri: cloud-init runs it at each boot. It may run any number of times, and goes on where it
# was interrupted: AWS may stop an instance of a warm pool at any moment.
set -euo pipefail
root=${JIBRI_ROOT:-/opt/jibri}
units=${SYSTEMD_UNITS:-/etc/systemd/system}
fstab=${FSTAB:-/etc/fstab}
per_boot=${PER_BOOT:-/var/lib/cloud/scripts/per-boot}
cd "$root"
image=$(sed -n 's/^JIBRI_IMAGE=//p' .env)
label=jibri-storage

log() { echo "set-up: $*" >&2; }

retry() { # COMMAND...: the network, or apt's lock, may not be ready yet.
  local pause
  for pause in 5 10 20 40 60 60; do
    "$@" && return
    log "$1 failed; trying again in $pause s"
    sleep "$pause"
  done
  "$@"
}

# The disks without partition and file system. No other disk is ever formatted.
blank_disks() {
  local disk code
  # Instance storage is left out: it would be lost when the instance stops.
  for disk in $(lsblk --nodeps --noheadings --paths --output NAME,TYPE,MODEL |
    awk '$2 == "disk" && !/Instance Storage/ { print $1 }'); do
    [[ $(lsblk --noheadings --output NAME "$disk" | wc -l) == 1 ]] || continue
    code=0
    blkid --probe "$disk" >/dev/null || code=$?
    [[ $code != 2 ]] || echo "$disk" # blkid has found nothing. With any other code the disk may hold something.
  done
}

make_file_system() {
  local disks tries
  for ((tries = 0; tries < 30; tries++)); do # The volume is attached while the instance boots.
    mapfile -t disks < <(blank_disks)
    ((${#disks[@]} == 0)) || break
    sleep 2
  done
  ((${#disks[@]} == 1)) || { log "exactly one blank disk is needed for recordings; found: ${disks[*]-none}" && exit 1; }
  mkfs.ext4 -q -L "$label" "${disks[0]}"
}

# First of all: a drain that begins now leaves its marker in state/.
mkdir -p state storage config
install -D -m 0755 set-up.sh "$per_boot/jibri-set-up"

# Instances are replaced, not patched: an update that restarts Docker would cut a recording.
for unit in apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service; do
  # One by one: where one unit does not exist, the rest must still be turned off.
  systemctl disable --now "$unit" || log "$unit could not be turned off"
done

blkid --label "$label" >/dev/null || make_file_system
grep -q "^LABEL=$label " "$fstab" || echo "LABEL=$label $root/storage ext4 defaults,nofail 0 2" >>"$fstab"
mountpoint -q storage || mount storage
# Jibri runs and uploads as a user of its image, and refuses to start unless this user can write to the volume.
mkdir -p storage/recordings storage/failed
chmod 0777 storage storage/recordings storage/failed

install -m 0755 finalize.sh config/finalize.sh
install -m 0644 .env config/finalize.env
chmod 0755 start.sh

if ! docker compose version >/dev/null 2>&1; then
  retry dpkg --configure -a # In case an installation was interrupted.
  retry apt-get update -q
  DEBIAN_FRONTEND=noninteractive retry apt-get install -q --yes docker.io docker-compose-v2
fi
docker image inspect "$image" >/dev/null 2>&1 || retry docker pull --quiet "$image"

# Nothing here stops Jibri: a stopped container is a cut recording.
cat >"$units/jibri.service" <<UNIT
[Unit]
Description=Jibri
Wants=network-online.target
After=docker.service network-online.target
RequiresMountsFor=$root/storage
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$root/start.sh
Restart=on-failure
RestartSec=15

[Install]
WantedBy=multi-user.target
UNIT
# No recording waits for a drain, which may be weeks away. The next run begins a minute after the end of the one before.
cat >"$units/jibri-uploads.service" <<UNIT
[Unit]
Description=Uploads recordings that are left
RequiresMountsFor=$root/storage

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 $root/uploads.py
UNIT
cat >"$units/jibri-uploads.timer" <<UNIT
[Unit]
Description=Uploads recordings that are left, each minute

[Timer]
OnActiveSec=60
OnUnitInactiveSec=60
AccuracySec=1

[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
systemctl enable jibri.service jibri-uploads.timer
systemctl start --no-block jibri.service jibri-uploads.timer
log "done"
