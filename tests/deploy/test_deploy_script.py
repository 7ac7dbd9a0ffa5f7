"""What `make deploy` checks before it deploys, and the example of its settings."""

import os
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "samconfig.example.toml").read_text()
PASSWORDS = ["/jibri/xmpp-password", "/jibri/recorder-password"]


class Template(yaml.SafeLoader):
    """A loader that ignores CloudFormation's tags."""


Template.add_multi_constructor("!", lambda loader, suffix, node: None)
PARAMETERS = yaml.load((ROOT / "template.yaml").read_text(), Template)["Parameters"]


class DeployScript(unittest.TestCase):
    """Runs the script in a folder with stand-in programs that note their arguments; `aws` knows the passwords."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        (self.root / "programs").mkdir()
        (self.root / "passwords").mkdir()
        (self.root / "deploy").mkdir()
        (self.root / "Cargo.toml").touch()
        for name in ("deploy/deploy.sh", "template.yaml"):
            (self.root / name).symlink_to(ROOT / name)
        # No other program of this machine is on the PATH.
        for name in ("bash", "env", "dirname", "awk", "sed", "tail", "cat"):
            found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
            (self.root / "programs" / name).symlink_to(found)
        for name in ("sam", "cargo", "cargo-lambda"):
            self.put_program(name, "")
        self.put_program("aws", f"""
case "$1 $2" in
  "sts get-caller-identity") [ ! -e {self.root}/signed-out ] ;;
  "ssm get-parameter")
    echo "region ${{AWS_DEFAULT_REGION:-unset}}, profile ${{AWS_PROFILE:-unset}}" >>{self.root}/called
    file={self.root}/passwords/$(printf %s "$4" | sed s,/,_,g)
    [ ! -e {self.root}/refused ] || {{ echo "AccessDeniedException: not you" >&2; exit 254; }}
    cat "$file" 2>/dev/null || {{ echo "An error occurred (ParameterNotFound)" >&2; exit 254; }} ;;
esac""")
        for name in PASSWORDS:
            self.put_parameter(name)

    def put_program(self, name, body):
        path = self.root / "programs" / name
        path.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.root}/called\n{body}\n')
        path.chmod(0o755)

    def put_parameter(self, name, kind="SecureString"):
        (self.root / "passwords" / name.replace("/", "_")).write_text(kind)

    def configure(self, text):
        (self.root / "samconfig.toml").write_text(f"version = 0.1\n{text}")

    def run_script(self):
        environment = {"PATH": str(self.root / "programs"), "HOME": os.devnull}
        program = [self.root / "deploy" / "deploy.sh"]
        return subprocess.run(program, env=environment, cwd="/", capture_output=True, text=True, check=False)

    def called(self, program):
        lines = (self.root / "called").read_text().splitlines() if (self.root / "called").exists() else []
        return [line for line in lines if line.split()[0] == program]

    def assert_deployed(self, *commands):
        run = self.run_script()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.called("sam"), list(commands))

    def assert_refused(self, words):
        run = self.run_script()
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn(words, run.stderr)
        self.assertEqual(self.called("sam"), [])
        return run

    def test_without_settings_sam_asks(self):
        self.assert_deployed(
            "sam build --parameter-overrides FunctionArchitecture=x86_64",
            "sam deploy --guided --capabilities CAPABILITY_IAM --resolve-s3",
        )

    def test_with_the_example_it_deploys(self):
        self.configure(EXAMPLE.partition("version = 0.1")[2])
        self.assert_deployed("sam build --parameter-overrides FunctionArchitecture=x86_64", "sam deploy")
        self.assertEqual(self.called("region"), ["region eu-central-1, profile unset"] * 2)

    def test_it_is_built_for_the_architecture_that_is_deployed(self):
        answers = '"VpcId=\\"vpc-1\\" FunctionArchitecture=\\"arm64\\" MaxSize=\\"9\\""'
        lines, list_in_a_line = '[\n  "FunctionArchitecture=arm64",\n]', '["VpcId=vpc-1", "FunctionArchitecture=arm64"]'
        for overrides in (lines, list_in_a_line, answers):
            with self.subTest(overrides):
                (self.root / "called").unlink(missing_ok=True)
                self.configure(f"[default.deploy.parameters]\nparameter_overrides = {overrides}\n")
                self.assert_deployed("sam build --parameter-overrides FunctionArchitecture=arm64", "sam deploy")

    def test_a_release_is_not_built_again(self):
        (self.root / "Cargo.toml").unlink()
        for name in ("cargo", "cargo-lambda"):
            (self.root / "programs" / name).unlink()
        self.assert_deployed("sam deploy --guided --capabilities CAPABILITY_IAM --resolve-s3")

    def test_a_program_that_is_missing_is_named(self):
        sources = {"aws": "aws.amazon.com", "sam": "make deploy", "cargo-lambda": "make deploy", "cargo": "rustup.rs"}
        for name, source in sources.items():
            with self.subTest(name):
                program = self.root / "programs" / name
                program.rename(self.root / name)
                self.assertIn(source, self.assert_refused(f"{name} is missing").stderr)
                (self.root / name).rename(program)

    def test_without_credentials(self):
        (self.root / "signed-out").touch()
        self.assert_refused("credentials")

    def test_each_password_that_is_missing_is_named_with_what_makes_it(self):
        for path in (self.root / "passwords").iterdir():
            path.unlink()
        run = self.assert_refused("aws ssm put-parameter --type SecureString --name /jibri/xmpp-password --value")
        self.assertIn("--name /jibri/recorder-password --value", run.stderr)

    def test_a_password_that_is_no_secret_is_refused(self):
        self.put_parameter(PASSWORDS[1], "String")
        self.assert_refused("/jibri/recorder-password is a String")

    def test_a_refusal_is_not_taken_for_a_missing_password(self):
        (self.root / "refused").touch()
        run = self.assert_refused("AccessDeniedException: not you")
        self.assertNotIn("put-parameter", run.stderr)

    def test_the_passwords_of_the_settings_are_looked_for(self):
        self.put_parameter("/meet/xmpp")
        self.configure(
            '[default.deploy.parameters]\nregion = "us-east-2"\nprofile = "meet"\nparameter_overrides = [\n'
            '  "XmppPasswordParameter=/meet/xmpp",\n  # "XmppPasswordParameter=/a/comment",\n]\n'
            '[rehearsal.deploy.parameters]\nregion = "eu-west-1"\n'
            'parameter_overrides = ["RecorderPasswordParameter=/rehearsal/recorder"]\n'
        )
        self.assert_deployed("sam build --parameter-overrides FunctionArchitecture=x86_64", "sam deploy")
        names = [call.split()[4] for call in self.called("aws") if "get-parameter" in call]
        self.assertEqual(names, ["/meet/xmpp", "/jibri/recorder-password"])
        self.assertEqual(self.called("region"), ["region us-east-2, profile meet"] * 2)


class Example(unittest.TestCase):
    def setUp(self):
        settings = tomllib.loads(EXAMPLE)
        self.assertEqual(settings["version"], 0.1)
        # Global, since the build must know the architecture too.
        overrides = settings["default"]["global"]["parameters"]["parameter_overrides"]
        self.values = dict(override.split("=", 1) for override in overrides)

    def test_every_parameter_is_one_of_the_template(self):
        self.assertEqual(set(self.values) - set(PARAMETERS), set())

    def test_every_parameter_that_must_be_given_is_there(self):
        required = {name for name, parameter in PARAMETERS.items() if "Default" not in parameter}
        self.assertGreaterEqual(len(required), 5)
        self.assertEqual(required - set(self.values), set())

    def test_every_value_is_allowed(self):
        for name, value in self.values.items():
            with self.subTest(name):
                self.assertRegex(value, PARAMETERS[name].get("AllowedPattern", "."))
                self.assertIn(value, PARAMETERS[name].get("AllowedValues", [value]))


if __name__ == "__main__":
    unittest.main()
