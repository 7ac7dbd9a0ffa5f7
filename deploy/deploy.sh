#!/usr/bin/env bash
# Builds the functions and deploys the stack: with samconfig.toml if there is one, else by sam's questions.
set -euo pipefail
cd "$(dirname "$0")/.."
export AWS_PAGER=""

fail() { echo "deploy: $*" >&2 && exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# The lines of samconfig.toml that sam reads when it is called without --config-env.
configured() {
  [[ ! -e samconfig.toml ]] || awk '/^\[/ { counts = /^\[default\./ } counts && !/^[ \t]*#/' samconfig.toml
}

setting() { configured | sed -n "s/^[ \t]*$1[ \t]*=[ \t]*[\"']\([^\"']*\).*/\1/p" | tail -n 1; }

parameter() { # NAME: its value in parameter_overrides, else the template's default
  local value
  value=$(configured | sed -nE "s/.*\b$1=[\\\\\"']*([^\\\\\"', ]+).*/\1/p" | tail -n 1)
  [[ -n $value ]] || value=$(sed -n "/^  $1:/,/^  [A-Z]/s/^    Default: *//p" template.yaml)
  echo "$value"
}

check_password() { # NAME of an SSM parameter
  local answer
  if answer=$(aws ssm get-parameter --name "$1" --query Parameter.Type --output text 2>&1); then
    [[ $answer == SecureString ]] || fail "the SSM parameter $1 is a $answer: delete it, and make it again as a SecureString"
  elif [[ $answer == *ParameterNotFound* ]]; then
    # This command keeps the password out of the history and of the list of processes, and stores no line break.
    cat >&2 <<TEXT
deploy: the SSM parameter $1 with a password is missing. Run this, type the password, and press Enter:
  read -rs PASSWORD && aws ssm put-parameter --type SecureString --name $1 --value file://<(printf %s "\$PASSWORD")
TEXT
    return 1
  else
    fail "the SSM parameter $1 cannot be read: $answer"
  fi
}

need aws "see https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
need sam "make deploy installs it, as does pip install aws-sam-cli"
if [[ -e Cargo.toml ]]; then # A release has its functions built already.
  need cargo "see https://rustup.rs"
  need cargo-lambda "make deploy installs it, as does pip install cargo-lambda"
fi

# The account and the region that sam will use.
profile=$(setting profile) region=$(setting region)
[[ -z $profile ]] || export AWS_PROFILE=$profile
[[ -z $region ]] || export AWS_REGION=$region AWS_DEFAULT_REGION=$region
aws sts get-caller-identity >/dev/null || fail "there are no valid credentials for AWS: run aws configure, or aws sso login"

missing=false
for name in XmppPasswordParameter RecorderPasswordParameter; do
  check_password "$(parameter $name)" || missing=true
done
! $missing || exit 1

# A samconfig.toml that sam has made from answers has the architecture for the deployment only, not for the build.
architecture=FunctionArchitecture=$(parameter FunctionArchitecture)
[[ ! -e Cargo.toml ]] || sam build --parameter-overrides "$architecture"
if [[ -e samconfig.toml ]]; then
  sam deploy
else
  echo "The functions are built: leave $architecture in these questions as it is."
  sam deploy --guided --capabilities CAPABILITY_IAM --resolve-s3
fi
