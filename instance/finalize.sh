#!/usr/bin/env bash
# finalize.sh FOLDER: uploads the recording in FOLDER to S3, and deletes it here once the bucket's own list has all of it.
# Jibri runs it after each recording, and jibri_drain.py again for each folder that is left. Exit code 0: the folder is
# gone. 1: it is in the sibling directory `failed`, or where it was. Settings: the environment, else lines NAME=value
# of finalize.env beside this file. The script reads no object. It compares ETags, and so needs a bucket without SSE-KMS.
set -euo pipefail
export LC_ALL=C TZ=UTC SHELL=/bin/sh # split runs its filter by $SHELL, which may be nologin.

log() { printf '%(%FT%TZ)T finalize: %s\n' -1 "$*" >&2; }
fail() { log "$@"; exit 1; }

while read -r line || [[ $line ]]; do
  name=${line%%=*}
  if [[ $name =~ ^[A-Z][A-Z0-9_]*$ && -z ${!name:-} ]]; then export "$name=${line#*=}"; fi
done < <(cat "$(dirname "$0")/finalize.env" 2>/dev/null)

setting() { # NAME PATTERN [DEFAULT]
  local value=${!1:-${3:-}}
  [[ $value =~ ^($2)$ ]] || fail "The setting $1 is missing or not valid."
  printf -v "$1" %s "$value"
}
part='[A-Za-z0-9_-][A-Za-z0-9._-]*' number='[1-9][0-9]{0,8}'
setting RECORDINGS_BUCKET '[a-z0-9][a-z0-9.-]+'
setting RECORDINGS_PREFIX "$part(/$part)*" recordings
setting AWS_REGION '[a-z0-9-]+'
setting AUTO_SCALING_GROUP .+
setting METRIC_NAMESPACE .+ JibriAutoscaler
setting FINALIZE_LIMIT_SECONDS "$number" 1800
setting FINALIZE_BACKOFF_MILLISECONDS "$number" 2000
setting FINALIZE_CHUNK_MEBIBYTES "$number" 64

[[ $# == 1 && -d $1 ]] || fail "usage: finalize.sh FOLDER"
folder=$(realpath -- "$1")
name=${folder##*/} failed=${folder%/*/*}/failed
[[ $name =~ ^$part$ ]] || fail "$folder: this name cannot stand in a key."
exec {lock}<"$folder"
# The run that held the lock before us may have removed the folder.
flock --nonblock "$lock" && [[ $folder -ef /dev/fd/$lock ]] || fail "$folder: another run is uploading it."

metadata() { # TOKEN PATH [CURL ARGUMENT...]
  curl -sSf --noproxy '*' --max-time 2 --config <(echo "header = \"X-aws-ec2-metadata-token: $1\"") "${@:3}" \
    "${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest/$2"
}

credentials() { # For curl's --config: every user could read arguments.
  local token role roles=meta-data/iam/security-credentials
  if [[ ${AWS_ACCESS_KEY_ID:-} ]]; then
    jq -n 'env | {AccessKeyId: .AWS_ACCESS_KEY_ID, SecretAccessKey: .AWS_SECRET_ACCESS_KEY, Token: .AWS_SESSION_TOKEN}'
  else
    token=$(metadata '' api/token -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') &&
      role=$(metadata "$token" $roles/) && metadata "$token" "$roles/$role"
  fi | jq -r '"user = \"\(.AccessKeyId):\(.SecretAccessKey)\"",
    (.Token | strings | select(. != "") | "header = \"x-amz-security-token: \(.)\"")'
}

signed() { # SERVICE SECONDS CURL ARGUMENT...
  local config
  config=$(credentials) || return
  curl -sSf --max-time "$2" --aws-sigv4 "aws:amz:$AWS_REGION:$1" --config <(echo "$config") "${@:3}"
}

encoded() { # jq 1.6 does not encode five characters.
  jq -rn --arg text "$1" '$text | @uri' | sed "s/!/%21/g; s/\*/%2A/g; s/'/%27/g; s/(/%28/g; s/)/%29/g"
}

left() { # MAXIMUM: the seconds until the limit, at most MAXIMUM
  local seconds=$((FINALIZE_LIMIT_SECONDS - SECONDS))
  ((seconds > 0)) && echo $((seconds < $1 ? seconds : $1))
}

is_stored() { # FILE KEY
  local seconds query list key etag parts
  seconds=$(left 30) || return
  # Sorted and encoded: older curls sign a query as it stands.
  query="encoding-type=url&list-type=2&max-keys=1&prefix=$(encoded "$2")"
  list=$(signed s3 "$seconds" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    "${S3_ENDPOINT_URL:-https://s3.$AWS_REGION.amazonaws.com}/$RECORDINGS_BUCKET?$query") || return
  # The list may begin with a longer key that begins like this one.
  [[ $list =~ \<Key\>([^\<]*) ]] || return
  key=${BASH_REMATCH[1]//+/ }
  [[ $(printf %b "${key//%/\\x}") == "$2" ]] || return
  [[ $list =~ \<Size\>([0-9]+) && ${BASH_REMATCH[1]} == $(stat -c %s "$1") ]] || return
  [[ $list =~ \<ETag\>(\"|\&quot\;)([0-9a-f]+(-[0-9]+)?) ]] || return
  etag=${BASH_REMATCH[2]}
  if [[ $etag != *-* ]]; then
    [[ $(md5sum <"$1") == "$etag "* ]]
  else # The MD5 of its parts' MD5s.
    parts=$(split -b "${FINALIZE_CHUNK_MEBIBYTES}M" --filter=md5sum "$1" | cut -c -32 | sed 's/../\\x&/g') || return
    [[ $(printf %b "${parts//$'\n'/}" | md5sum) == "${etag%-*} "* ]]
  fi
}

upload() { # FILE KEY
  local seconds chunk=${FINALIZE_CHUNK_MEBIBYTES}Mi
  seconds=$(left 999999) || return
  timeout --foreground --kill-after=5 "$seconds" rclone copyto --config '' --retries 1 --low-level-retries 2 \
    --contimeout 15s --timeout 60s --no-check-dest --s3-no-check-bucket --s3-no-head \
    --s3-provider AWS --s3-env-auth --s3-region "$AWS_REGION" --s3-endpoint "${S3_ENDPOINT_URL:-}" \
    --s3-chunk-size "$chunk" --s3-upload-cutoff "$chunk" "$1" ":s3:$RECORDINGS_BUCKET/$2"
}

stamp() { stat -c '%s %.Y %i' "$1"; }
declare -A verified=() # The stamp that each file had when it was verified in the bucket.

store() { # FILE
  local before key="$RECORDINGS_PREFIX/$name/${1#"$folder/"}"
  before=$(stamp "$1") || return
  [[ ${verified[$1]:-} != "$before" ]] || return 0
  is_stored "$1" "$key" || { upload "$1" "$key" && is_stored "$1" "$key"; } ||
    { log "$1: not in the bucket."; return 1; }
  [[ $(stamp "$1") == "$before" ]] || { log "$1: has changed during the upload."; return 1; }
  verified[$1]=$before
}

store_folder() {
  local file files complete=true
  mapfile -d '' files < <(find "$folder" ! -type d ! -path "$folder/metadata.json" -print0)
  for file in "${files[@]}"; do store "$file" || complete=false; done
  $complete || return
  # Uploaded last: where the bucket has it, it has all files.
  [[ ! -e $folder/metadata.json ]] || store "$folder/metadata.json" || return
  for file in "${!verified[@]}"; do
    if [[ $(stamp "$file" 2>/dev/null) == "${verified[$file]}" ]]; then rm -f "$file"; fi
  done
  # A file that has appeared or changed meanwhile keeps the folder, for the next try.
  find "$folder" -depth -type d -empty -delete
  [[ ! -e $folder ]] || { log "$folder: files in it are new or have changed."; return 1; }
}

publish() { # UPLOADED, 1 or 0
  local metric number=1 body
  body="Action=PutMetricData&Version=2010-08-01&Namespace=$(encoded "$METRIC_NAMESPACE")"
  for metric in "UploadedRecordings&Value=$1" "RecordingsNotUploaded&Value=$((1 - $1))"; do
    metric="MetricName=$metric&Unit=Count&Dimensions.member.1.Name=AutoScalingGroupName"
    metric+="&Dimensions.member.1.Value=$(encoded "$AUTO_SCALING_GROUP")"
    body+="&MetricData.member.$number.${metric//&/&MetricData.member.$number.}"
    number=2
  done
  signed monitoring 8 -o /dev/null -d "$body" \
    "${CLOUDWATCH_ENDPOINT_URL:-https://monitoring.$AWS_REGION.amazonaws.com}/"
}

uploaded=1 pause=$FINALIZE_BACKOFF_MILLISECONDS
until store_folder; do
  delay=$((pause / 2 + RANDOM * pause / 65536))
  if ((delay / 1000 >= FINALIZE_LIMIT_SECONDS - SECONDS)); then
    log "$folder: not uploaded within $FINALIZE_LIMIT_SECONDS s."
    if [[ ${folder%/*} != "$failed" ]]; then
      mkdir -p "$failed" && mv -nT "$folder" "$failed/$name" && [[ ! -e $folder ]] ||
        log "$folder: could not be moved, and stays here."
    fi
    uploaded=0
    break
  fi
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  pause=$((pause < 30000 ? pause * 2 : 60000))
done
if ((uploaded)); then log "$folder: ${#verified[@]} files are in s3://$RECORDINGS_BUCKET/$RECORDINGS_PREFIX/$name/"; fi
# An empty folder was no recording.
((uploaded && ${#verified[@]} == 0)) || publish $uploaded || log "The metric could not be sent."
exit $((1 - uploaded))
