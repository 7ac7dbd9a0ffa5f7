"""Two stacks live in one account and region: no resource of one has a name of the other's."""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "permissions"))

from intrinsics import KINDS  # noqa: E402
from stack import load  # noqa: E402

PARAMETERS = {
    "VpcId": "vpc-00000000",
    "SubnetIds": "subnet-00000000,subnet-11111111",
    "JicofoUrls": "http://10.0.0.1:8888",
    "PublicUrl": "https://meet.example.com",
    "XmppServer": "10.0.0.2",
}


class Names(unittest.TestCase):
    def test_every_name_is_the_stacks_own(self):
        first, second = load(PARAMETERS, name="jibri"), load(PARAMETERS, name="rehearsal")
        for logical_id in first.resources:
            with self.subTest(logical_id):
                if first.resources[logical_id]["Type"] in KINDS:
                    self.assertNotEqual(first.resolver.name_of(logical_id), second.resolver.name_of(logical_id))


if __name__ == "__main__":
    unittest.main()
