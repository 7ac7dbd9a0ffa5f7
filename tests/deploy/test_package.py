"""What a release holds: everything that `sam deploy` needs, for one architecture."""

import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["AvailabilityFunction", "ScaleInFunction", "DrainFunction", "ForecastFunction"]
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}
# As sam writes it.
BUILT_TEMPLATE = """\
Parameters:
  XmppPort:
    Type: Number
    Default: 5222
  FunctionArchitecture:
    Type: String
    Default: x86_64
    AllowedValues:
    - x86_64
    - arm64
    Description: Architecture of the functions. arm64 costs a fifth less, and is cross-compiled
      on most machines.
  InstanceArchitecture:
    Type: String
    Default: x86_64
    AllowedValues:
    - x86_64
    - arm64
Globals:
  Function:
    CodeUri: .
    Architectures:
    - Ref: FunctionArchitecture
Resources:
""" + "".join(
    f"""\
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName:
        Fn::Sub: ${{AWS::StackName}}-{name}
      CodeUri: {name}
"""
    for name in FUNCTIONS
)


class Package(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name) / "project"
        self.output = Path(directory.name) / "output"
        shutil.copytree(ROOT / "deploy", self.root / "deploy")
        for name in ("samconfig.example.toml", "LICENSE"):
            shutil.copy(ROOT / name, self.root)
        self.build = self.root / ".aws-sam" / "build"

    def build_functions(self, architecture):
        for name in FUNCTIONS:
            bootstrap = self.build / name / "bootstrap"
            bootstrap.parent.mkdir(parents=True, exist_ok=True)
            bootstrap.write_bytes(b"\x7fELF".ljust(18, b"\0") + bytes([MACHINES[architecture], 0]) + name.encode())
            bootstrap.chmod(0o755)
        (self.build / "template.yaml").write_text(BUILT_TEMPLATE)

    def package(self, architecture, version="v1.2.3"):
        program = [self.root / "deploy" / "package.sh", architecture, version, self.output]
        return subprocess.run(program, cwd="/", capture_output=True, text=True, check=False)

    def unpack(self, architecture):
        self.build_functions(architecture)
        run = self.package(architecture)
        self.assertEqual(run.returncode, 0, run.stderr)
        name = f"jibri-autoscaler-v1.2.3-{architecture}"
        self.assertEqual(Path(run.stdout.strip()), self.output / f"{name}.tar.gz")
        with tarfile.open(self.output / f"{name}.tar.gz") as archive:
            archive.extractall(self.output, filter="data")
        return self.output / name

    def test_every_function_lies_where_the_template_looks(self):
        for architecture in MACHINES:
            with self.subTest(architecture):
                package = self.unpack(architecture)
                resources = yaml.safe_load((package / "template.yaml").read_text())["Resources"]
                folders = [resource["Properties"]["CodeUri"] for resource in resources.values()]
                self.assertEqual(folders, FUNCTIONS)
                for folder in folders:
                    bootstrap = package / folder / "bootstrap"
                    self.assertTrue(os.access(bootstrap, os.X_OK))
                    self.assertEqual(bootstrap.read_bytes(), (self.build / folder / "bootstrap").read_bytes())

    def test_the_functions_architecture_is_the_only_choice(self):
        for architecture in MACHINES:
            with self.subTest(architecture):
                package = self.unpack(architecture)
                built, packed = yaml.safe_load(BUILT_TEMPLATE), yaml.safe_load((package / "template.yaml").read_text())
                only_choice = {"Default": architecture, "AllowedValues": [architecture]}
                built["Parameters"]["FunctionArchitecture"] |= only_choice
                self.assertEqual(packed, built, "and nothing else has changed")
                example = (package / "samconfig.example.toml").read_text()
                self.assertIn(f'"FunctionArchitecture={architecture}"', example)

    def test_it_can_be_deployed_and_taken_down(self):
        package = self.unpack("x86_64")
        for name in ("deploy.sh", "teardown.sh"):
            self.assertTrue(os.access(package / "deploy" / name, os.X_OK))
        names = {path.name for path in package.iterdir()}
        others = {"README.md", "LICENSE", "template.yaml", "samconfig.example.toml", "deploy"}
        self.assertEqual(names, others | set(FUNCTIONS))
        self.assertIn("sam deploy --guided", (package / "README.md").read_text())

    def assert_refused(self, run, words):
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn(words, run.stderr)
        self.assertEqual(list(self.output.glob("*.tar.gz")), [])

    def test_functions_of_the_other_architecture_are_refused(self):
        self.build_functions("x86_64")
        self.assert_refused(self.package("arm64"), "AvailabilityFunction/bootstrap is not built for arm64")

    def test_a_function_that_is_missing_is_named(self):
        self.build_functions("x86_64")
        (self.build / "DrainFunction" / "bootstrap").unlink()
        self.assert_refused(self.package("x86_64"), "DrainFunction/bootstrap is missing")

    def test_a_template_that_leads_elsewhere_is_refused(self):
        self.build_functions("x86_64")
        template = BUILT_TEMPLATE.replace("CodeUri: DrainFunction", "CodeUri: ../../elsewhere")
        (self.build / "template.yaml").write_text(template)
        self.assert_refused(self.package("x86_64"), "../../elsewhere is no folder beside the template")

    def test_without_a_build(self):
        self.assert_refused(self.package("arm64"), "sam build --parameter-overrides FunctionArchitecture=arm64")

    def test_what_it_cannot_understand(self):
        self.build_functions("x86_64")
        self.assert_refused(self.package("riscv64"), "not riscv64")
        self.assert_refused(self.package("x86_64", "../v1"), "is no version")


if __name__ == "__main__":
    unittest.main()
