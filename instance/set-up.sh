#!/usr/bin/env bash
# Sets up an instance for its Jibri: cloud-init runs it at each boot. Running it again changes nothing, but goes on where
# it was interrupted: a warm pool stops its instances when it likes.
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

# The disks without partition and file system. None but such a one is ever formatted.
blank_disks() {
  local disk code
  # Instance storage would not outlive a stop.
  for disk in $(lsblk --nodeps --noheadings --paths --output NAME,TYPE,MODEL |
    awk '$2 == "disk" && !/Instance Storage/ { print $1 }'); do
    [[ $(lsblk --noheadings --output NAME "$disk" | wc -l) == 1 ]] || continue
    code=0
    blkid --probe "$disk" >/dev/null || code=$?
    [[ $code != 2 ]] || echo "$disk" # Nothing was found. Other codes are doubts.
  done
}

make_file_system() {
  local disks tries
  for ((tries = 0; tries < 30; tries++)); do # The volume is attached while the instance boots.
    mapfile -t disks < <(blank_disks)
    ((${#disks[@]} == 0)) || break
    sleep 2
  done
  ((${#disks[@]} == 1)) || { log "one blank disk is wanted for recordings, and these are there: ${disks[*]-}" && exit 1; }
  mkfs.ext4 -q -L "$label" "${disks[0]}"
}

# First of all: a drain that comes now leaves its marker here.
mkdir -p state storage config
install -D -m 0755 set-up.sh "$per_boot/jibri-set-up"

# Instances are replaced, not patched: an update that restarts Docker would cut a recording.
for unit in apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service; do
  # One by one: where one of them does not exist, the others must still be turned off.
  systemctl disable --now "$unit" || log "$unit could not be turned off"
done

blkid --label "$label" >/dev/null || make_file_system
grep -q "^LABEL=$label " "$fstab" || echo "LABEL=$label $root/storage ext4 defaults,nofail 0 2" >>"$fstab"
mountpoint -q storage || mount storage
# Jibri's image runs, and uploads, as a user of its own, and refuses to start unless it can write to the volume itself.
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
systemctl daemon-reload
systemctl enable jibri.service
systemctl start --no-block jibri.service
log "done"
