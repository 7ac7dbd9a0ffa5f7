"""What instance/start.sh does at a boot, with stand-ins of Docker, the metadata service and the Parameter Store."""

import fcntl
import subprocess
import time
import unittest

from stand_in_instance import CREDENTIALS, INSTANCE_ID, PASSWORDS, REPOSITORY, Instance, Services
from stand_in_jibri import Jibri

COMPOSE_UP = "docker compose --project-directory {root} up --detach"


class Start(Instance):
    # What Jibri would be given: compose itself reads the secrets from the file.
    programs = {
        "docker": '[[ "$*" != *" ps "* ]] || { cat "$JIBRI_ROOT/running" 2>/dev/null; exit "${PS_EXIT_CODE:-0}"; }\n'
        'echo "$JIBRI_INSTANCE_ID" >"$JIBRI_ROOT/started-as"\n'
        'flock --nonblock "$JIBRI_ROOT/state/start.lock" true || touch "$JIBRI_ROOT/locked"\n',
        "sleep": 'exec /bin/sleep 0.05',
    }

    def setUp(self):
        super().setUp()
        self.services = Services()
        self.addCleanup(self.services.close)
        self.jibri = Jibri()
        self.addCleanup(self.jibri.close)
        (self.root / "state").mkdir()
        self.secrets = self.root.parent / "run" / "secrets.env"
        self.settings |= {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.services.url,
            "SSM_ENDPOINT_URL": self.services.url,
            "JIBRI_HEALTH_URL": self.jibri.environment["JIBRI_HEALTH_URL"],
            "JIBRI_SECRETS_FILE": str(self.secrets),
        }

    def started(self):
        return self.called(COMPOSE_UP.format(root=self.root))

    def assert_not_started(self, run, exit_code, words):
        self.assertEqual(run.returncode, exit_code, run.stderr)
        self.assertIn(words, run.stderr)
        self.assertEqual(self.started(), [])

    def test_jibri_starts_under_its_instance_id_with_its_passwords(self):
        run = self.run_script("start.sh")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len(self.started()), 1)
        self.assertEqual((self.root / "started-as").read_text().strip(), INSTANCE_ID)
        xmpp, recorder = PASSWORDS.values()
        lines = [f"JIBRI_XMPP_PASSWORD='{xmpp}'", f"JIBRI_RECORDER_PASSWORD='{recorder}'"]
        self.assertEqual(self.secrets.read_text().splitlines(), lines)
        self.assert_private(self.secrets)
        self.assertEqual(self.jibri.requests, ["GET /jibri/api/v1.0/health"])

    def test_no_secret_is_an_argument_or_in_the_log(self):
        self.note_calls_of("curl", "python3")
        run = self.run_script("start.sh")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(self.called("curl") and self.called("python3"))
        said = run.stdout + run.stderr + self.log.read_text()
        for secret in [*PASSWORDS.values(), CREDENTIALS["SecretAccessKey"], CREDENTIALS["Token"]]:
            self.assertNotIn(secret, said)

    def test_an_instance_that_drains_starts_no_jibri(self):
        (self.root / "state" / "draining").touch()
        self.assert_not_started(self.run_script("start.sh"), 0, "drains")

    def test_a_drain_that_begins_while_the_start_waits_wins(self):
        with open(self.root / "state" / "start.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = self.start("start.sh")
            while "meta-data/autoscaling/target-lifecycle-state" not in self.services.requests:
                time.sleep(0.01)
            (self.root / "state" / "draining").touch()
        _, stderr = process.communicate(timeout=60)
        run = subprocess.CompletedProcess(process.args, process.returncode, "", stderr)
        self.assert_not_started(run, 0, "drains")
        self.assertNotIn("GetParameters", self.services.requests)

    def test_the_lock_is_held_while_jibri_comes_up(self):
        self.assertEqual(self.run_script("start.sh").returncode, 0)
        self.assertTrue((self.root / "locked").exists())
        with open(self.root / "state" / "start.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_a_jibri_that_never_answers_is_an_error(self):
        self.jibri.stop_listening()
        run = self.run_script("start.sh")
        self.assertEqual(run.returncode, 1)
        self.assertIn("does not answer", run.stderr)

    def test_in_a_warm_pool_it_waits_for_its_service(self):
        self.services.lifecycle_states = [None, "Warmed:Stopped", "Warmed:Stopped", "InService"]
        run = self.run_script("start.sh")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr.count("so far: Warmed:Stopped"), 2)
        self.assertEqual(run.stderr.count("so far: unknown"), 1)
        self.assertEqual(len(self.started()), 1)

    def test_a_drain_ends_the_wait_of_the_warm_pool(self):
        self.services.lifecycle_states = ["Warmed:Stopped"]
        (self.root / "state" / "draining").touch()
        self.assert_not_started(self.run_script("start.sh"), 0, "drains")

    def test_a_missing_password_is_named(self):
        del self.services.passwords["/jibri/recorder-password"]
        run = self.run_script("start.sh")
        self.assert_not_started(run, 1, "/jibri/recorder-password: there is none")
        self.assertNotIn(PASSWORDS["/jibri/xmpp-password"], run.stderr)

    def test_a_refusal_is_named(self):
        self.services.refuses = "AccessDeniedException"
        self.assert_not_started(self.run_script("start.sh"), 1, "/jibri/xmpp-password: AccessDeniedException")

    def test_a_missing_role_is_named(self):
        metadata = self.services.metadata
        self.services.metadata = lambda path: (404, "") if "iam/" in path else metadata(path)
        self.assert_not_started(self.run_script("start.sh"), 1, "the instance role's credentials cannot be read")

    def test_a_password_that_compose_or_jibri_would_misread_is_refused(self):
        """compose's env_file, and `password = "{{ .Env… }}"` in docker-jitsi-meet's xmpp.conf."""
        hostile = ("it's", "tw\nlines", "ends\\", 'say"so', "in\\side", "tab\there", "bell\a", "\x7fdel", "next\x85line")
        for name in PASSWORDS:
            for password in ("", *hostile):
                with self.subTest(name=name, password=password):
                    self.services.passwords = {**PASSWORDS, name: password}
                    run = self.run_script("start.sh")
                    self.assert_not_started(run, 1, f"start: the password in the parameter {name} is empty, or has")
                    self.assertIn("a single or double quote, a backslash, or a control character", run.stderr)
                    self.assertNotIn(password or PASSWORDS[name], run.stderr)
                    self.assertFalse(self.secrets.exists())

    def test_a_jibri_that_runs_is_left_alone(self):
        (self.root / "running").write_text("0123456789ab\n")
        self.services.passwords["/jibri/xmpp-password"] = "rotated"
        run = self.run_script("start.sh")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.started(), [], "compose would replace it, in the middle of a recording")

    def test_without_knowing_what_runs_nothing_is_started(self):
        run = self.run_script("start.sh", PS_EXIT_CODE="1")
        self.assertEqual((run.returncode, self.started()), (1, []))


class Compose(unittest.TestCase):
    """What the drain and the functions rely on."""

    def setUp(self):
        self.lines = [line.strip() for line in (REPOSITORY / "instance" / "compose.yaml").read_text().splitlines()]

    def test_a_jibri_that_has_exited_stays_away(self):
        self.assertIn('restart: "no"', self.lines)

    def test_its_ports_are_the_hosts(self):
        self.assertIn("network_mode: host", self.lines)

    def test_its_name_is_the_instance_id(self):
        self.assertIn("JIBRI_INSTANCE_ID: ${JIBRI_INSTANCE_ID:-}", self.lines)

    def test_recordings_lie_where_the_drain_looks(self):
        self.assertIn('volumes: ["./config:/config", "./storage:/storage"]', self.lines)
        self.assertIn("JIBRI_RECORDING_DIR: /storage/recordings", self.lines)
        self.assertIn("JIBRI_FINALIZE_RECORDING_SCRIPT_PATH: /config/finalize.sh", self.lines)

    def test_the_image_finds_what_it_insists_on(self):
        """As in docker-jitsi-meet's jibri.yml; its config script ends without a display, or with less memory."""
        for line in (
            "image: ${JIBRI_IMAGE}",
            "read_only: true",
            'tmpfs: ["/run:exec,size=256m", "/tmp:noexec,size=256m"]',
            "shm_size: 2gb",
            'DISPLAY: ":0"',
            "- path: ./.env",
        ):
            self.assertIn(line, self.lines)

    def test_its_log_cannot_fill_the_disk(self):
        self.assertIn('options: {max-size: 20m, max-file: "5"}', self.lines)

    def test_its_container_has_the_name_that_the_guide_says(self):
        self.assertIn("docker exec jibri-jibri-1 ", (REPOSITORY / "docs" / "trouble.md").read_text())
        self.assertEqual(self.lines[1:4], ["name: jibri", "services:", "jibri:"])

    def test_an_upload_needs_no_password(self):
        secrets = self.lines.index("- path: ${JIBRI_SECRETS_FILE:-/run/jibri/secrets.env}")
        self.assertEqual(self.lines[secrets + 1], "required: false")


if __name__ == "__main__":
    unittest.main()
