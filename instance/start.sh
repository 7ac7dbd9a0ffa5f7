#!/usr/bin/env bash
# Starts the Jibri of this instance: jibri.service runs it at each boot, and again until it succeeds.
set -euo pipefail
umask 077
root=${JIBRI_ROOT:-/opt/jibri}
cd "$root"
while IFS='=' read -r name value; do printf -v "$name" %s "$value"; done < <(grep -E '^[A-Z_]+=' .env)
metadata_url=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest
ssm_url=${SSM_ENDPOINT_URL:-https://ssm.$AWS_REGION.amazonaws.com}
health_url=${JIBRI_HEALTH_URL:-http://127.0.0.1:2222/jibri/api/v1.0/health}
export JIBRI_SECRETS_FILE=${JIBRI_SECRETS_FILE:-/run/jibri/secrets.env}

log() { echo "start: $*" >&2; }

leave_if_draining() {
  if [[ -e state/draining ]]; then log "this instance drains: Jibri is not started" && exit 0; fi
}

metadata() { # PATH
  local token
  token=$(curl --silent --fail --max-time 5 --noproxy '*' --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata_url/api/token") &&
    curl --silent --fail --max-time 5 --noproxy '*' --header "X-aws-ec2-metadata-token: $token" "$metadata_url/$1"
}

# As lines of a curl configuration: every user could read arguments.
credentials() {
  local role
  role=$(metadata meta-data/iam/security-credentials/) &&
    metadata "meta-data/iam/security-credentials/$role" | python3 -c '
import json, sys
keys = json.load(sys.stdin)
print("user = \"{AccessKeyId}:{SecretAccessKey}\"\nheader = \"x-amz-security-token: {Token}\"".format(**keys))'
}

# The two passwords, as lines of an env_file: in single quotes, compose takes them letter by letter. The image writes
# them as they are into password = "…" of Jibri's configuration (HOCON), where a double quote, a backslash or a control
# character means something else, or breaks it; then no Jibri registers, or none can log in to a meeting.
passwords() {
  local keys
  keys=$(credentials) || { log "the instance role's credentials cannot be read" && return 1; }
  curl --silent --show-error --fail-with-body --max-time 20 --aws-sigv4 "aws:amz:$AWS_REGION:ssm" \
    --config <(printf '%s\n' "$keys") --header 'Content-Type: application/x-amz-json-1.1' \
    --header 'X-Amz-Target: AmazonSSM.GetParameters' --data \
    "{\"Names\":[\"$XMPP_PASSWORD_PARAMETER\",\"$RECORDER_PASSWORD_PARAMETER\"],\"WithDecryption\":true}" "$ssm_url/" |
    python3 -c '
import json, sys
from unicodedata import category
answer = json.load(sys.stdin)
known = {one["Name"]: one["Value"] for one in answer.get("Parameters", [])}
for variable, name in zip(sys.argv[1::2], sys.argv[2::2]):
    if name not in known:
        sys.exit(f"start: SSM does not give out the parameter {name}: " + answer.get("__type", "there is none"))
    if not known[name] or any(letter in "\x27\"\\" or category(letter) == "Cc" for letter in known[name]):
        sys.exit(f"start: the password in the parameter {name} is empty, or has what Jibri cannot read: a single or "
                 "double quote, a backslash, or a control character such as a line break or a tab")
    print(f"{variable}=\x27{known[name]}\x27")' \
      JIBRI_XMPP_PASSWORD "$XMPP_PASSWORD_PARAMETER" JIBRI_RECORDER_PASSWORD "$RECORDER_PASSWORD_PARAMETER"
}

# In a warm pool no Jibri may run, since AWS stops the instance at any moment. When it is needed, it boots again.
until state=$(metadata meta-data/autoscaling/target-lifecycle-state) && [[ $state == InService ]]; do
  leave_if_draining
  log "waiting until the instance is to be in service; its target state so far: ${state:-unknown}"
  sleep 5
done

# Held until the port is open: a drain that begins meanwhile sees that a Jibri is about to start.
exec {lock}>state/start.lock
flock "$lock"
leave_if_draining

JIBRI_INSTANCE_ID=$(metadata meta-data/instance-id)
export JIBRI_INSTANCE_ID
# A Jibri that runs may record, and compose would replace its container for a new password or setting.
running=$(docker compose --project-directory "$root" ps --quiet --status running jibri)
if [[ -z $running ]]; then
  mkdir -p "${JIBRI_SECRETS_FILE%/*}"
  passwords >"$JIBRI_SECRETS_FILE.new"
  mv "$JIBRI_SECRETS_FILE.new" "$JIBRI_SECRETS_FILE"
  docker compose --project-directory "$root" up --detach
fi
for ((tries = 0; tries < 60; tries++)); do
  if curl --silent --fail --max-time 5 --noproxy '*' --output /dev/null "$health_url"; then
    log "Jibri runs as $JIBRI_INSTANCE_ID"
    exit 0
  fi
  sleep 5
done
log "Jibri's health port does not answer"
exit 1
