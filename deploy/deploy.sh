#!/usr/bin/env bash
# Builds and deploys the stack: with samconfig.toml when there is one, else it asks.
#
# usage: deploy.sh
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "deploy: $*" >&2 && exit 1; }

for tool in aws sam cargo-lambda; do
  command -v "$tool" >/dev/null || fail "$tool is missing: \`make deploy\` brings sam and cargo-lambda; the AWS CLI is at
  https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
done
aws sts get-caller-identity --output text >/dev/null || fail "no AWS credentials that work: see \`aws configure\`"

# The value in samconfig.toml, else the template's default.
parameter() { # NAME
  local value=
  [[ ! -e samconfig.toml ]] || value=$(grep -v '^ *#' samconfig.toml | grep -oP "\b$1=\K[^\"', ]+" | head -1 || true)
  [[ -n $value ]] || value=$(sed -n "/^  $1:\$/,/Default:/s/^    Default: //p" template.yaml)
  echo "$value"
}

for password in XmppPasswordParameter RecorderPasswordParameter; do
  name=$(parameter "$password")
  type=$(aws ssm get-parameter --name "$name" --query Parameter.Type --output text 2>/dev/null || true)
  [[ $type == SecureString ]] || fail "the password $name ($password) is not there as a SecureString. Make it, so that it is in no history, by
  read -rs PASSWORD && aws ssm put-parameter --type SecureString --name $name --value file://<(printf %s \"\$PASSWORD\")"
done

sam build
if [[ -e samconfig.toml ]]; then
  sam deploy
else
  sam deploy --guided --capabilities CAPABILITY_IAM
fi
