#!/usr/bin/env bash
# Uploads the folder of one recording to S3, and deletes it only when the bucket's own list shows all of it.
#
# usage: finalize.sh FOLDER     (Jibri calls it so; jibri_drain.py again, for what was left)
#
# Exit code 0: uploaded, and the folder is gone. Otherwise 1: it was moved to the sibling directory `failed`,
# or is where it was. Settings come from the environment, else from lines NAME=value of finalize.env beside this
# file. May PutObject, AbortMultipartUpload, ListBucket and PutMetricData, and reads no object. The ETags compared are
# those of buckets without SSE-KMS.
set -euo pipefail
export LC_ALL=C TZ=UTC SHELL=/bin/sh # Bytes, not letters; split runs its filter in $SHELL, which may be nologin.

log() { printf '%(%FT%TZ)T finalize: %s\n' -1 "$*" >&2; }
fail() { log "$@" && exit 1; }

while read -r line || [[ $line ]]; do
  name=${line%%=*}
  if [[ $name =~ ^[A-Z][A-Z0-9_]*$ && -z ${!name:-} ]]; then export "$name=${line#*=}"; fi
done < <(cat "${BASH_SOURCE[0]%/*}/finalize.env" 2>/dev/null)

setting() { # NAME PATTERN [DEFAULT]
  local value=${!1:-${3:-}}
  [[ $value =~ ^($2)$ ]] || fail "The setting $1 is missing or not valid."
  printf -v "$1" %s "$value"
}
part='[A-Za-z0-9_-][A-Za-z0-9._-]*'
setting RECORDINGS_BUCKET '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]'
setting RECORDINGS_PREFIX "$part(/$part)*" recordings
setting AWS_REGION '[a-z0-9-]+'
setting AUTO_SCALING_GROUP '.+'
setting METRIC_NAMESPACE '[^:].*' JibriAutoscaler
setting FINALIZE_LIMIT_SECONDS '[1-9][0-9]*' 1800
setting FINALIZE_BACKOFF_MILLISECONDS '[1-9][0-9]*' 2000
setting FINALIZE_CHUNK_MEBIBYTES '[1-9][0-9]*' 64
setting S3_ENDPOINT_URL 'https?://.+' "https://s3.$AWS_REGION.amazonaws.com"
setting CLOUDWATCH_ENDPOINT_URL 'https?://.+' "https://monitoring.$AWS_REGION.amazonaws.com"
setting AWS_EC2_METADATA_SERVICE_ENDPOINT 'http://.+' http://169.254.169.254

[[ $# == 1 && -d $1 ]] || fail "usage: finalize.sh FOLDER"
folder=$(realpath "$1")
name=${folder##*/}
[[ $name =~ ^$part$ ]] || fail "$folder: this name cannot be part of a key."
storage=${folder%/*/*}

exec {lock}<"$folder"
# Another run may have removed it between our opening and our locking.
flock --nonblock "$lock" && [[ $folder -ef /dev/fd/$lock ]] || fail "$folder: another run is at it."

metadata_service() { # PATH [CURL ARGUMENT...]; $token is the session's, empty for the first call
  curl --silent --show-error --fail --noproxy '*' --max-time 2 "${@:2}" \
    --config <(printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token") \
    "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/$1"
}

credentials() { # As lines of a curl configuration: arguments could be read by everybody.
  if [[ ${AWS_ACCESS_KEY_ID:-} ]]; then
    printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
    printf 'header = "x-amz-security-token: %s"\n' ${AWS_SESSION_TOKEN:+"$AWS_SESSION_TOKEN"}
    return
  fi
  local token='' role roles=meta-data/iam/security-credentials
  token=$(metadata_service api/token --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60') &&
    role=$(metadata_service $roles/) &&
    metadata_service "$roles/$role" |
    jq --raw-output '"user = \"\(.AccessKeyId):\(.SecretAccessKey)\"", "header = \"x-amz-security-token: \(.Token)\""'
}

signed() { # SERVICE SECONDS CURL ARGUMENT...
  local known
  known=$(credentials) || return
  curl --silent --show-error --fail --max-time "$2" --aws-sigv4 "aws:amz:$AWS_REGION:$1" \
    --config <(printf '%s\n' "$known") "${@:3}"
}

url_encoded() {
  local text=$1 at
  for ((at = 0; at < ${#text}; at++)); do
    case ${text:at:1} in
      [A-Za-z0-9._~-]) printf %s "${text:at:1}" ;;
      *) printf '%%%02X' $(($(printf %d "'${text:at:1}") & 255)) ;;
    esac
  done
}

left_seconds() { echo $((FINALIZE_LIMIT_SECONDS - SECONDS)); }

is_stored() { # FILE KEY
  local seconds list key etag
  seconds=$(left_seconds)
  ((seconds > 0)) || return
  # In this order and encoding: old curls sign the query as it stands.
  list=$(signed s3 $((seconds < 30 ? seconds : 30)) \
    "$S3_ENDPOINT_URL/$RECORDINGS_BUCKET?encoding-type=url&list-type=2&max-keys=1&prefix=$(url_encoded "$2")") || return
  # The first key with this prefix may be a longer one.
  [[ $list =~ \<Key\>([^\<]*)\< ]] || return
  key=${BASH_REMATCH[1]//+/ }
  [[ $(printf '%b.' "${key//%/\\x}") == "$2." ]] || return
  [[ $list =~ \<Size\>([0-9]+)\< && ${BASH_REMATCH[1]} == $(stat --format=%s "$1") ]] || return
  [[ $list =~ \<ETag\>(\"|\&quot\;)([0-9a-f]{32}(-[0-9]+)?) ]] || return
  etag=${BASH_REMATCH[2]}
  if [[ $etag != *-* ]]; then
    [[ $(md5sum <"$1") == "$etag "* ]]
  else # The MD5 of the parts' MD5s, then how many there are.
    local sums
    sums=$(split --bytes="${FINALIZE_CHUNK_MEBIBYTES}M" --filter=md5sum "$1" | cut -c -32) || return
    [[ $(printf %b "$(sed 's/../\\x&/g' <<<"$sums" | tr -d '\n')" | md5sum | cut -c -32)-$(wc -l <<<"$sums") == "$etag" ]]
  fi
}

upload() { # FILE KEY
  local seconds
  seconds=$(left_seconds)
  ((seconds > 0)) || return
  local endpoint=()
  [[ $S3_ENDPOINT_URL == *.amazonaws.com ]] || endpoint=(--s3-endpoint "$S3_ENDPOINT_URL")
  timeout --foreground --kill-after=5 "$seconds" rclone copyto --config '' --retries 1 --low-level-retries 2 \
    --contimeout 15s --timeout 60s --no-check-dest --s3-provider AWS --s3-env-auth --s3-region "$AWS_REGION" \
    "${endpoint[@]}" --s3-no-check-bucket --s3-no-head --s3-no-head-object \
    --s3-chunk-size "${FINALIZE_CHUNK_MEBIBYTES}Mi" --s3-upload-cutoff "${FINALIZE_CHUNK_MEBIBYTES}Mi" \
    "$1" ":s3:$RECORDINGS_BUCKET/$2"
}

stamp() { stat --format='%s %.Y %i' "$1"; }

declare -A verified=() # File -> its stamp when it was found in the bucket.

store() { # FILE
  local key="$RECORDINGS_PREFIX/$name/${1#"$folder/"}" before
  before=$(stamp "$1") || return
  [[ ${verified[$1]:-} != "$before" ]] || return 0
  is_stored "$1" "$key" || { upload "$1" "$key" && is_stored "$1" "$key"; } || { log "$1: not in the bucket." && return 1; }
  [[ $(stamp "$1") == "$before" ]] || { log "$1: changed meanwhile." && return 1; }
  verified[$1]=$before
}

store_folder() { # metadata.json comes last: once it is there, all is.
  local file files complete=true
  mapfile -d '' files < <(find "$folder" ! -type d ! -path "$folder/metadata.json" -print0)
  for file in "${files[@]}"; do store "$file" || complete=false; done
  $complete || return
  [[ ! -e $folder/metadata.json ]] || store "$folder/metadata.json" || return
  for file in "${!verified[@]}"; do
    if [[ -e $file && $(stamp "$file") == "${verified[$file]}" ]]; then rm -- "$file"; fi
  done
  find "$folder" -depth -type d -empty -delete # What has appeared meanwhile keeps its folder, and has another turn.
  [[ ! -e $folder ]] || { log "$folder: something is left in it." && return 1; }
}

publish() { # 1 when uploaded, else 0
  local number=0 entry fields=()
  for entry in "UploadedRecordings=$1" "RecordingsNotUploaded=$((1 - $1))"; do
    number=$((number + 1))
    local member=MetricData.member.$number
    fields+=(--data-urlencode "$member.MetricName=${entry%=*}" --data-urlencode "$member.Value=${entry#*=}"
      --data-urlencode "$member.Unit=Count" --data-urlencode "$member.Dimensions.member.1.Name=AutoScalingGroupName"
      --data-urlencode "$member.Dimensions.member.1.Value=$AUTO_SCALING_GROUP")
  done
  signed monitoring 8 --output /dev/null --data 'Action=PutMetricData&Version=2010-08-01' \
    --data-urlencode "Namespace=$METRIC_NAMESPACE" "${fields[@]}" "$CLOUDWATCH_ENDPOINT_URL/" ||
    log "The metric could not be sent."
}

backoff=$FINALIZE_BACKOFF_MILLISECONDS
until store_folder; do
  pause=$((backoff / 2 + RANDOM % (backoff / 2 + 1)))
  if ((pause / 1000 >= $(left_seconds))); then
    log "$folder: not uploaded within $FINALIZE_LIMIT_SECONDS s."
    if [[ $folder != "$storage/failed/$name" ]]; then
      { mkdir -p "$storage/failed" && mv --no-clobber --no-target-directory "$folder" "$storage/failed/$name" &&
        [[ ! -e $folder ]]; } || log "$folder: stays, since it could not be moved to $storage/failed."
    fi
    publish 0
    exit 1
  fi
  sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
  backoff=$((backoff < 30000 ? backoff * 2 : 60000))
done
log "$folder: uploaded to s3://$RECORDINGS_BUCKET/$RECORDINGS_PREFIX/$name/"
publish 1
