"""A stand-in for the program `aws`, for what no emulator does: drains that go on, protection that comes back, refusals.

It answers from a scenario (JSON): the group's instances and the warm pool at each look, the last of them for ever, and
how often an operation is refused. Every call goes to a log.
"""

import json
import os
import sys
from pathlib import Path

FACTS = {
    "get-caller-identity": "000000000000",
    "describe-stacks": "False",
    "describe-lifecycle-hooks": "jibri-drain",
    "describe-stack-resource Group": "AWS::AutoScaling::AutoScalingGroup\tjibri\tCREATE_COMPLETE",
    "describe-stack-resource RecordingsBucket": "AWS::S3::Bucket\tjibri-recordings\tCREATE_COMPLETE",
}


def main(arguments):
    scenario_path = Path(os.environ["SCENARIO"])
    scenario = json.loads(scenario_path.read_text())
    words = arguments[2:] if arguments[0] == "--output" else arguments
    operation = words[1]
    with open(os.environ["CALLS"], "a") as calls:
        print(*words, file=calls)
    try:
        if scenario["refused"].get(operation):
            scenario["refused"][operation] -= 1
            sys.exit(f"An error occurred (Throttling) when calling {operation}: Rate exceeded")
        if operation == "describe-auto-scaling-groups":
            print_rows([["group"], *take(scenario["looks"])] if scenario["looks"] else [])
        elif operation == "describe-warm-pool":
            print_rows(take(scenario["warm_pools"]))
        elif operation == "describe-stack-resource":
            name = words[words.index("--logical-resource-id") + 1]
            print(scenario["facts"].get(f"{operation} {name}") or FACTS[f"{operation} {name}"])
        elif operation in FACTS:
            print(scenario["facts"].get(operation, FACTS[operation]))
    finally:
        scenario_path.write_text(json.dumps(scenario))


def take(looks):
    return looks.pop(0) if len(looks) > 1 else looks[0]


def print_rows(rows):
    for row in rows:
        print(*row, sep="\t")


main(sys.argv[1:])
