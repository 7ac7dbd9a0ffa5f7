"""What instance/set-up.sh does to a new instance, with stand-ins of the programs that change a system."""

import stat
import unittest

from stand_in_instance import SETTINGS, Instance

UNIT = "etc/jibri.service"
# A root disk with a partition, a disk with a file system, a disk that blkid is not sure of, instance storage, and the disks
# that BLANK names.
LSBLK = """
disks="nvme0n1 nvme1n1 nvme8n1 $BLANK"
case "$*" in
  *--nodeps*) for disk in $disks; do echo "/dev/$disk disk Amazon Elastic Block Store"; done
    echo "/dev/nvme9n1 disk Amazon EC2 NVMe Instance Storage"; echo "/dev/loop0 loop" ;;
  *nvme0n1) printf 'nvme0n1\\nnvme0n1p1\\n' ;;
  *) echo "${@: -1}" ;;
esac
"""
BLKID = """
case "$*" in
  --label*) [[ -e $JIBRI_ROOT/../formatted ]] ;;
  *nvme1n1) ;;
  *nvme8n1) exit 8 ;;
  *) exit 2 ;;
esac
"""


class SetUp(Instance):
    programs = {
        "lsblk": LSBLK,
        "blkid": BLKID,
        "mkfs.ext4": 'touch "$JIBRI_ROOT/../formatted"',
        "mountpoint": '[[ -e $JIBRI_ROOT/../mounted ]]',
        # The root of a new file system belongs to root alone.
        "mount": 'touch "$JIBRI_ROOT/../mounted"; chmod 0755 "$JIBRI_ROOT/storage"',
        "systemctl": "",
        "sleep": "",
        "dpkg": "",
        "apt-get": '[[ "$*" != *install* ]] || touch "$JIBRI_ROOT/../installed"',
        "docker": '[[ "$*" != "compose version" || -e $JIBRI_ROOT/../installed ]] || exit 1\n'
        '[[ "$*" != pull* ]] || touch "$JIBRI_ROOT/../pulled"\n'
        '[[ "$*" != image* || -e $JIBRI_ROOT/../pulled ]] || exit 1',
    }

    def setUp(self):
        super().setUp()
        (self.root.parent / "etc").mkdir()
        self.fstab = self.root.parent / "etc" / "fstab"
        self.fstab.write_text("LABEL=root / ext4\n")
        for name in ("finalize.sh", "start.sh", "set-up.sh"):
            (self.root / name).write_text("#!/bin/bash\n")
        self.settings |= {"SYSTEMD_UNITS": str(self.root.parent / "etc"), "FSTAB": str(self.fstab), "BLANK": "nvme2n1"}
        self.per_boot = self.root.parent / "per-boot"
        self.settings["PER_BOOT"] = str(self.per_boot)

    def set_up(self, **settings):
        run = self.run_script("set-up.sh", **settings)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run

    def test_a_new_instance_gets_a_disk_an_image_and_a_unit(self):
        self.set_up()
        self.assertEqual(self.called("mkfs"), ["mkfs.ext4 -q -L jibri-storage /dev/nvme2n1"])
        self.assertEqual(self.called("mount "), ["mount storage"])
        # Without nofail a lost volume would leave a system that Systems Manager cannot reach.
        self.assertIn(f"LABEL=jibri-storage {self.root}/storage ext4 defaults,nofail 0 2\n", self.fstab.read_text())
        self.assertEqual(self.called("docker pull"), [f"docker pull --quiet {SETTINGS['JIBRI_IMAGE']}"])
        systemctl = [call.removeprefix("systemctl ") for call in self.called("systemctl")]
        units = "jibri.service jibri-uploads.timer"
        self.assertEqual(systemctl[-3:], ["daemon-reload", f"enable {units}", f"start --no-block {units}"])

    def test_what_the_drain_and_the_upload_need_is_there(self):
        self.set_up()
        self.assertTrue((self.root / "state").is_dir())
        self.assertTrue((self.root / "config" / "finalize.sh").stat().st_mode & stat.S_IXOTH)
        self.assertTrue((self.root / "start.sh").stat().st_mode & stat.S_IXUSR)
        self.assertEqual((self.root / "config" / "finalize.env").read_text(), (self.root / ".env").read_text())

    def test_updates_are_off_before_anything_is_installed(self):
        # unattended-upgrades is not in every image.
        self.program("systemctl", '[[ "$*" != *unattended* ]]')
        self.set_up()
        first = self.calls.index("apt-get update -q")
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service"):
            self.assertLess(self.calls.index(f"systemctl disable --now {unit}"), first)

    def test_what_was_interrupted_goes_on_at_the_next_boot(self):
        self.program("apt-get", '[[ -x $PER_BOOT/jibri-set-up ]] && kill -KILL $PPID')
        self.assertNotEqual(self.run_script("set-up.sh").returncode, 0)
        self.assertTrue((self.per_boot / "jibri-set-up").is_file())
        self.program("apt-get", self.programs["apt-get"])
        before = len(self.calls)
        self.set_up()
        self.assertEqual(self.calls[before:].count("dpkg --configure -a"), 1)
        self.assertEqual(len(self.called("mkfs")), 1)
        self.assertEqual(len(self.called("systemctl start")), 1)

    def test_the_user_of_the_container_can_write_to_the_volume(self):
        self.set_up()
        for name in ("storage", "storage/recordings", "storage/failed"):
            self.assertEqual(stat.S_IMODE((self.root / name).stat().st_mode), 0o777, name)

    def test_a_system_without_updates_will_do(self):
        self.program("systemctl", '[[ "$1" != disable ]]')
        self.assertIn("apt-daily.timer could not be turned off", self.set_up().stderr)

    def test_each_boot_starts_jibri_once_and_tries_until_it_runs(self):
        self.set_up()
        unit = (self.root.parent / UNIT).read_text().splitlines()
        for line in (
            f"ExecStart={self.root}/start.sh",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "Restart=on-failure",
            "RestartSec=15",
            "StartLimitIntervalSec=0",
            "After=docker.service network-online.target",
            "Wants=network-online.target",
            f"RequiresMountsFor={self.root}/storage",
            "WantedBy=multi-user.target",
        ):
            self.assertIn(line, unit)
        self.assertFalse([line for line in unit if line.startswith("ExecStop")], "it would cut a recording")

    def test_each_minute_what_is_left_is_tried_again(self):
        self.set_up()
        units = self.root.parent / "etc"
        service = (units / "jibri-uploads.service").read_text().splitlines()
        for line in ("Type=oneshot", f"ExecStart=/usr/bin/python3 {self.root}/uploads.py", f"RequiresMountsFor={self.root}/storage"):
            self.assertIn(line, service)
        timer = (units / "jibri-uploads.timer").read_text().splitlines()
        for line in ("OnActiveSec=60", "OnUnitInactiveSec=60", "WantedBy=timers.target"):
            self.assertIn(line, timer)

    def test_the_state_directory_comes_first(self):
        self.program("systemctl", '[[ -d $JIBRI_ROOT/state ]] || touch "$JIBRI_ROOT/../late"')
        self.set_up()
        self.assertFalse((self.root.parent / "late").exists())

    def test_a_disk_that_holds_something_is_never_formatted(self):
        run = self.run_script("set-up.sh", BLANK="")
        self.assertEqual(run.returncode, 1)
        self.assertIn("exactly one blank disk is needed for recordings; found: none", run.stderr)
        self.assertEqual(self.called("mkfs"), [])

    def test_of_two_blank_disks_none_is_guessed(self):
        run = self.run_script("set-up.sh", BLANK="nvme2n1 nvme3n1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("/dev/nvme2n1 /dev/nvme3n1", run.stderr)
        self.assertEqual(self.called("mkfs"), [])

    def test_a_volume_that_is_attached_late_is_waited_for(self):
        late = '[[ -e $JIBRI_ROOT/../attached ]] && BLANK=nvme2n1 || BLANK=""\n'
        self.program("lsblk", late + LSBLK)
        self.program("sleep", 'touch "$JIBRI_ROOT/../attached"')
        self.set_up()
        self.assertEqual(len(self.called("mkfs")), 1)

    def test_running_it_again_changes_nothing(self):
        self.set_up()
        before, fstab = len(self.calls), self.fstab.read_text()
        self.set_up()
        again = self.calls[before:]
        for beginning in ("mkfs", "mount ", "apt-get", "docker pull"):
            self.assertEqual([call for call in again if call.startswith(beginning)], [])
        self.assertEqual(self.fstab.read_text(), fstab)

    def test_an_image_that_brings_everything_downloads_nothing(self):
        for name in ("installed", "pulled"):
            (self.root.parent / name).touch()
        self.set_up()
        self.assertEqual(self.called("apt-get") + self.called("docker pull"), [])

    def test_the_network_may_come_late(self):
        for program, late in (("dpkg", "--configure"), ("apt-get", "update|install"), ("docker", "pull")):
            fails = f'[[ ! "$1" =~ ^({late})$ || $(grep -c "^{program} $1" "{self.log}") -gt 2 ]] || exit 1\n'
            self.program(program, fails + self.programs[program])
        run = self.set_up()
        self.assertEqual(len(self.called("dpkg")), 3)
        self.assertEqual(len(self.called("apt-get update")), 3)
        self.assertEqual(len(self.called("apt-get install")), 3)
        self.assertEqual(len(self.called("docker pull")), 3)
        self.assertEqual(run.stderr.count("trying again"), 8)

    def test_without_network_it_gives_up_and_starts_nothing(self):
        self.program("apt-get", "exit 100")
        self.assertNotEqual(self.run_script("set-up.sh").returncode, 0)
        self.assertEqual(self.called("systemctl start"), [])


if __name__ == "__main__":
    unittest.main()
