#!/usr/bin/env bash
# finalize.sh [--once] FOLDER: uploads the recording in FOLDER to S3, and deletes it here once the bucket's own list has all
# of it. Jibri runs it after each recording, uploads.py and jibri_drain.py again for each folder that is left. Exit code 0:
# the folder is gone. 1: it is in the sibling directory `failed`, or where it was. With --once it does not try again.
# Settings: the environment, else lines NAME=value of finalize.env beside this file. The script reads no object. It compares
# ETags, and so needs a bucket without SSE-KMS. A key is PREFIX/SESSION/INSTANCE/FILE.
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

once=false
if [[ $# == 2 && $1 == --once ]]; then once=true && shift; fi
[[ $# == 1 && -d $1 ]] || fail "usage: finalize.sh [--once] FOLDER"
IFS= read -r -d '' folder < <(realpath -z -- "$1") # Its name may end with a line break.
name=${folder##*/} storage=${folder%/*/*}
failed=$storage/failed metadata_file=$folder/metadata.json
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

# Several Jibris may record parts of one session.
instance_id() {
  local token
  echo "${JIBRI_INSTANCE_ID:-$(token=$(metadata '' api/token -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') &&
    metadata "$token" meta-data/instance-id || echo "$HOSTNAME")}"
}

key_part() { # PATH: as it stands in a key. What a key cannot hold is %XX there, and so is a % that could be taken for one.
  local text=$1 out='' byte at unfit='[[:cntrl:]]'
  printf %s "$text" | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1 || unfit='[^ -~]'
  for ((at = 0; at < ${#text}; at++)); do
    byte=${text:at:1}
    # shellcheck disable=SC2053 # It is a pattern.
    if [[ $byte == $unfit || ${text:at:3} == %[0-9A-Fa-f][0-9A-Fa-f] ]]; then
      printf -v byte %d "'$byte"
      printf -v byte %%%02X $((byte & 255))
    fi
    out+=$byte
  done
  echo "$out"
}

key_of() { # FILE
  local key
  key=$(key_part "${1#"$folder/"}")
  # S3's limit is 1,024 bytes.
  if ((${#base} + ${#key} > 1000)); then key=long-$(printf %s "$key" | sha256sum | cut -c -64); fi
  echo "$base/$key"
}

# What Jibri itself writes (jibri: FileRecordingJibriService.kt), and the flag that jitsi-meet adds. Whatever else a request
# brings may be a credential (a user's Dropbox token is one), and so may what follows a URL's path.
public='if length == 1 and (.[0] | type) == "object" then .[0] else error("torn") end | with_entries(
  select([.key, (.value | type)] | . == ["meeting_url", "string"] or . == ["participants", "array"] or . == ["share", "boolean"])
  | if .key == "meeting_url" then .value |= (split("?")[0] // "" | split("#")[0] // "") else . end)'

read_metadata() { # Sets metadata to what is sent; to nothing where the file is missing or torn.
  local code=0
  metadata=''
  [[ -e $metadata_file ]] || return 0
  metadata=$(jq -cs "$public" "$metadata_file" 2>/dev/null) || { code=$? && metadata=''; }
  # By any higher code jq says that it did not run.
  ((code <= 5)) && [[ -r $metadata_file ]]
}

contents() { # FILE: as it is sent
  if [[ $1 == "$metadata_file" ]]; then printf %s "$metadata"; else cat -- "$1"; fi
}

look_up() { # KEY: sets stored to its size and ETag in the bucket; to nothing where it is not there
  local seconds query list key size
  stored=''
  seconds=$(left 30) || return
  # Sorted and encoded: older curls sign a query as it stands.
  query="encoding-type=url&list-type=2&max-keys=1&prefix=$(encoded "$1")"
  list=$(signed s3 "$seconds" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$bucket_url?$query") || return
  # The list may begin with a longer key that begins like this one.
  [[ $list =~ \<Key\>([^\<]*) ]] || return 0
  key=${BASH_REMATCH[1]//+/ }
  [[ $(printf %b "${key//%/\\x}") == "$1" ]] || return 0
  [[ $list =~ \<Size\>([0-9]+) ]] || return
  size=${BASH_REMATCH[1]}
  [[ $list =~ \<ETag\>(\"|\&quot\;)([0-9a-f]+(-[0-9]+)?) ]] || return
  stored="$size ${BASH_REMATCH[2]}"
}

is_as_stored() { # FILE: whether what look_up has found is what is sent of this file
  local size=${#metadata} etag=${stored#* } parts
  [[ $1 == "$metadata_file" ]] || size=$(stat -c %s "$1") || return
  [[ ${stored% *} == "$size" ]] || return
  if [[ $etag != *-* ]]; then
    [[ $(contents "$1" | md5sum) == "$etag "* ]]
  else # The MD5 of its parts' MD5s.
    parts=$(contents "$1" | split -b "${FINALIZE_CHUNK_MEBIBYTES}M" --filter=md5sum | cut -c -32 | sed 's/../\\x&/g') ||
      return
    [[ $(printf %b "${parts//$'\n'/}" | md5sum) == "${etag%-*} "* ]]
  fi
}

upload() { # FILE KEY
  local seconds chunk=${FINALIZE_CHUNK_MEBIBYTES}Mi same=Slash,Ctl,Del,Dot
  seconds=$(left 999999) || return
  if [[ $1 == "$metadata_file" ]]; then # It is no file as it is sent, and there may be no room to write one.
    contents "$1" | signed s3 "$(left 60)" -o /dev/null -X PUT -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
      -H 'content-type: application/json' --data-binary @- "$bucket_url/$(encoded "$2" | sed 's/%2F/\//g')"
    return
  fi
  # rclone's own notation as the encoding of both sides: then it takes each name as it stands.
  timeout --foreground --kill-after=5 "$seconds" rclone copyto --config '' --retries 1 --low-level-retries 2 \
    --contimeout 15s --timeout 60s --no-check-dest --s3-no-check-bucket --s3-no-head \
    --local-encoding "$same" --s3-encoding "$same" \
    --s3-provider AWS --s3-env-auth --s3-region "$AWS_REGION" --s3-endpoint "${S3_ENDPOINT_URL:-}" \
    --s3-chunk-size "$chunk" --s3-upload-cutoff "$chunk" "$1" ":s3:$RECORDINGS_BUCKET/$2"
}

stamp() { stat -c '%s %.Y %i' "$1"; }
declare -A verified=() # The stamp that each file had when it was verified in the bucket.

store() { # FILE
  local before key
  before=$(stamp "$1") || return
  [[ ${verified[$1]:-} != "$before" ]] || return 0
  if [[ $1 == "$metadata_file" ]]; then read_metadata || return; fi
  if [[ $1 != "$metadata_file" || $metadata ]]; then # Of torn metadata nothing is sent.
    key=$(key_of "$1")
    { look_up "$key" && is_as_stored "$1"; } || { upload "$1" "$key" && look_up "$key" && is_as_stored "$1"; } ||
      { log "$1: not in the bucket."; return 1; }
  fi
  [[ $(stamp "$1") == "$before" ]] || { log "$1: has changed during the upload."; return 1; }
  verified[$1]=$before
}

base=''
# A Jibri may record a session twice: where the bucket has the metadata of an earlier part, this part goes beside it.
choose_base() {
  local number=1 first
  read_metadata || return
  first="$RECORDINGS_PREFIX/$(key_part "$name")/$(key_part "$instance")"
  base=$first
  while [[ $metadata ]]; do
    look_up "$base/metadata.json" || { base='' && return 1; }
    if [[ ! $stored ]] || is_as_stored "$metadata_file"; then return; fi
    base=$first.$((++number))
  done
}

list_files() { find "$folder" ! -type d -print0; }

store_folder() {
  local file files complete=true
  [[ $base ]] || choose_base || return
  mapfile -d '' files < <(list_files)
  for file in "${files[@]}"; do
    [[ $file == "$metadata_file" ]] || store "$file" || complete=false
  done
  $complete || return
  # Uploaded last: where the bucket has it, it has all files.
  [[ ! -e $metadata_file ]] || store "$metadata_file" || return
  for file in "${!verified[@]}"; do
    if [[ $(stamp "$file" 2>/dev/null) == "${verified[$file]}" ]]; then rm -f "$file"; fi
  done
  # A file that has appeared or changed meanwhile keeps the folder, for the next try.
  find "$folder" -depth -type d -empty -delete
  [[ ! -e $folder ]] || { log "$folder: files in it are new or have changed."; return 1; }
}

has_index() { # FILE: whether this MP4 has its `moov`, without which it cannot be played. ffmpeg writes it last.
  local size boxes at=0 hex length
  size=$(stat -c %s "$1")
  for ((boxes = 0; boxes < 100 && at + 8 <= size; boxes++)); do
    hex=$(od -An -v -tx1 -j "$at" -N 16 "$1" | tr -d ' \n') || return
    hex+='00000000000000000000000000000000' # At the end of the file there is less.
    length=$((16#${hex:0:8}))
    if ((length == 1)); then length=$((16#${hex:16:16})); fi
    ((length >= 8 && length <= size - at)) || return
    if [[ ${hex:8:8} == 6d6f6f76 ]]; then return; fi
    ((at += length))
  done
  return 1
}

# What a crash leaves cannot be played, and what was refused on the way may be empty. It is uploaded all the same.
unplayable=1
look_at_recording() {
  local file media=0 good='' plays note=$storage/good-recording
  unplayable=0
  read_metadata && [[ $metadata ]] || unplayable=1
  while IFS= read -r -d '' file; do
    case ${file,,} in
      *.mp4 | *.m4v | *.mov) has_index "$file" && plays=true || plays=false ;;
      *.mkv | *.webm | *.ts | *.flv) [[ -s $file ]] && plays=true || plays=false ;;
      *) continue ;;
    esac
    media=1
    if ! $plays; then
      unplayable=1
    elif [[ ! $good || $file -nt $good ]]; then
      good=$file
    fi
  done < <(list_files)
  ((media)) || unplayable=1
  # jibri_drain.py tells from the time of this note when a recording last went well here: when it ended, not when it is sent.
  if [[ $good && $good -nt $note ]]; then
    # Renamed into place: the note may be another user's.
    { touch -r "$good" "$note.new" && mv -f "$note.new" "$note"; } || log "$note could not be written."
  fi
}

move_aside() {
  local target=$failed/$name number=1
  mkdir -p "$failed" || return
  until mv -nT "$folder" "$target" && [[ ! -e $folder ]]; do
    # Another part of the session has the name. The key of this one then has the number, too.
    [[ -e $target ]] && ((number < 1000)) || return
    target=$failed/$name.$((++number))
  done
}

publish() { # UPLOADED, 1 or 0
  local metric number=0 unit body metrics=("UploadedRecordings&Value=$1" "RecordingsNotUploaded&Value=$((1 - $1))")
  if (($1)); then # Once for each recording.
    metrics+=("UnplayableRecordings&Value=$unplayable")
    # With the last file, since the instance may end before uploads.py runs again.
    if [[ ! $(find "$storage/recordings" "$failed" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]; then
      metrics+=("RecordingsWaiting&Value=0" "OldestRecordingSeconds&Value=0")
    fi
  fi
  body="Action=PutMetricData&Version=2010-08-01&Namespace=$(encoded "$METRIC_NAMESPACE")"
  for metric in "${metrics[@]}"; do
    case $metric in *Seconds*) unit=Seconds ;; *) unit=Count ;; esac
    metric="MetricName=$metric&Unit=$unit&Dimensions.member.1.Name=AutoScalingGroupName"
    metric+="&Dimensions.member.1.Value=$(encoded "$AUTO_SCALING_GROUP")"
    body+="&MetricData.member.$((++number)).${metric//&/&MetricData.member.$number.}"
  done
  signed monitoring 8 -o /dev/null -d "$body" \
    "${CLOUDWATCH_ENDPOINT_URL:-https://monitoring.$AWS_REGION.amazonaws.com}/"
}

bucket_url=${S3_ENDPOINT_URL:-https://s3.$AWS_REGION.amazonaws.com}/$RECORDINGS_BUCKET
instance=$(instance_id)
look_at_recording
uploaded=1 pause=$FINALIZE_BACKOFF_MILLISECONDS
until store_folder; do
  delay=$((pause / 2 + RANDOM * pause / 65536))
  if $once || ((delay / 1000 >= FINALIZE_LIMIT_SECONDS - SECONDS)); then
    $once || log "$folder: not uploaded within $FINALIZE_LIMIT_SECONDS s."
    [[ ${folder%/*} == "$failed" ]] || move_aside || log "$folder: could not be moved, and stays here."
    uploaded=0
    break
  fi
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  pause=$((pause < 30000 ? pause * 2 : 60000))
done
if ((uploaded)); then log "$folder: ${#verified[@]} files are in s3://$RECORDINGS_BUCKET/$base/"; fi
# An empty folder was no recording. What is tried again in service, uploads.py counts.
((uploaded ? ${#verified[@]} == 0 : 0)) || { ((! uploaded)) && $once; } || publish $uploaded ||
  log "The metric could not be sent."
exit $((1 - uploaded))
