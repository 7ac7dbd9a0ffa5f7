#!/usr/bin/env bash
# Takes a stack down without cutting a recording: lets the group's drains empty it, and only then deletes the stack.
set -euo pipefail
export AWS_PAGER=""

usage="usage: teardown.sh STACK_NAME [--yes]"
pause_seconds=30    # scale_in protects instances again every minute
most_protections=50 # SetInstanceProtection takes no more ids a call
most_failures=10    # rounds in a row, as when credentials have expired

fail() { echo "teardown: $*" >&2 && exit 1; }
ask() { aws --output text "$@"; }

resource() { # LOGICAL_ID: its type, its name, its status
  ask cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" \
    --query 'StackResourceDetail.[ResourceType,PhysicalResourceId,ResourceStatus]'
}

# Into `hooks`: the group's terminating hooks. Into `seen`: a line for the group, which tells an empty one from one that is not there; one for its warm pool, if
# there is one; and one for each instance of both.
look() {
  local pool
  seen=$(ask autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$group" --query \
    "AutoScalingGroups[].[[['group']],Instances[].[InstanceId,LifecycleState,ProtectedFromScaleIn]][][]") || return
  [[ -n $seen ]] || fail "the group $group is not there. If you have deleted it, delete the stack yourself."
  hooks=$(ask autoscaling describe-lifecycle-hooks --auto-scaling-group-name "$group" --query \
    "LifecycleHooks[?LifecycleTransition=='autoscaling:EC2_INSTANCE_TERMINATING'].LifecycleHookName") || return
  pool=$(ask autoscaling describe-warm-pool --auto-scaling-group-name "$group" --query \
    "[WarmPoolConfiguration.[['pool',Status||'there']]||\`[]\`,Instances[].[InstanceId,LifecycleState]][][]") || return
  seen+=$'\n'$pool
}

# Wants no instance any more, and lets go of those that there are: the group ends them, through its hook.
let_go() {
  local first ids done=true
  if grep -q $'^pool\tthere$' <<<"$seen"; then
    aws autoscaling delete-warm-pool --auto-scaling-group-name "$group" || done=false
  fi
  aws autoscaling update-auto-scaling-group --auto-scaling-group-name "$group" \
    --min-size 0 --max-size 0 --desired-capacity 0 || done=false
  mapfile -t ids < <(awk '$2 == "InService" && $3 == "True" { print $1 }' <<<"$seen")
  for ((first = 0; first < ${#ids[@]}; first += most_protections)); do
    aws autoscaling set-instance-protection --auto-scaling-group-name "$group" --no-protected-from-scale-in \
      --instance-ids "${ids[@]:first:most_protections}" || done=false
  done
  $done
}

# Returns when no instance is left.
empty_group() {
  local seen hooks left answered let_go_before=false failures=0
  while true; do
    answered=true
    look || answered=false
    if $answered; then
      echo "$(date +%T) $(count_states)"
      # Whatever it is that is listed, it is not nothing.
      left=$(awk 'NF && $1 !~ /^(group|pool)$/ && $2 !~ /Terminating:Retained$/' <<<"$seen")
      [[ -z $left || -n $hooks ]] ||
        fail "the group $group has no terminating hook, so that it would end Jibris in the middle of their recordings;" \
          "nothing more is ended. Put the hook back (docs/deploying.md says how), then run this again."
      # Only once nothing could be launched since the look before.
      if $let_go_before && [[ -z $left ]]; then
        name_retained
        return
      fi
      let_go || answered=false
    fi
    if $answered; then
      let_go_before=true failures=0
    else
      ((++failures < most_failures)) ||
        fail "AWS refused $failures times in a row; the stack stays. Run this again to go on."
      echo "teardown: AWS refused that; trying again in $pause_seconds s" >&2
    fi
    sleep "$pause_seconds"
  done
}

count_states() {
  awk '/^i-/ { count[$2]++ } END { for (state in count) print count[state], state }' <<<"$seen" | sort -k 2 |
    awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print NR ? text : "no instance is left" }'
}

# Ends here if a drain could not end: what is on that instance's disk is nowhere else.
name_retained() {
  local id ids
  mapfile -t ids < <(awk '/^i-/ { print $1 }' <<<"$seen")
  ((${#ids[@]} > 0)) || return 0
  {
    echo "teardown: drains that could not end have kept their instances, and the stack stays as long as they do."
    echo "Save what is in /opt/jibri/storage of each, then end it, and run this again:"
    for id in "${ids[@]}"; do
      echo "  aws autoscaling terminate-instance-in-auto-scaling-group --instance-id $id" \
        --no-should-decrement-desired-capacity
    done
  } >&2
  exit 1
}

stack='' yes=false
for argument in "$@"; do
  case $argument in
    --yes) yes=true ;;
    -*) fail "unknown option $argument; $usage" ;;
    *) [[ -z $stack ]] || fail "one stack at a time; $usage" && stack=$argument ;;
  esac
done
[[ -n $stack ]] || fail "which stack? $usage"

command -v aws >/dev/null ||
  fail "the AWS CLI is missing: see https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
aws sts get-caller-identity >/dev/null || fail "these are no credentials for AWS: run aws configure, or aws sso login"
protected=$(ask cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].EnableTerminationProtection') ||
  fail "no stack $stack can be seen in this account and region"
[[ $protected != True ]] || fail "the stack $stack is protected from deletion: that must be taken off first"
found=$(resource Group) || fail "the stack $stack has no group of Jibris"
read -r type group status <<<"$found"
[[ $type == AWS::AutoScaling::AutoScalingGroup ]] || fail "the stack $stack has no group of Jibris"
read -r _ bucket _ < <(resource RecordingsBucket) || bucket=''

cat <<TEXT
This takes down the stack $stack:
  1. The group $group is set to 0 instances, for good; its warm pool is deleted.
  2. Each Jibri goes as soon as its recording is finished and uploaded. This may take as long as the longest recording.
  3. When none is left, the stack is deleted. The recordings in the bucket ${bucket:-(none)} are kept.
Ctrl-C is safe at any time: run it again to go on.
TEXT
if ! $yes; then
  [[ -t 0 ]] || fail "nobody is there to answer: say --yes to go on"
  read -r -p "Go on? [y/N] " answer
  [[ $answer == [yY]* ]] || fail "nothing was changed"
fi

# What was deleted by an earlier run that failed later is empty.
[[ $status == DELETE_COMPLETE ]] || empty_group

echo "Deleting the stack $stack. Network interfaces of functions can take half an hour."
aws cloudformation delete-stack --stack-name "$stack"
aws cloudformation wait stack-delete-complete --stack-name "$stack" ||
  fail "the stack stays: aws cloudformation describe-stack-events --stack-name $stack tells why; then run this again"
echo "The stack $stack is gone."
# No longer written by anybody; one that is not there is no error.
aws ssm delete-parameters --names "/$stack/forecast" >/dev/null ||
  echo "teardown: the last forecast stays in the SSM parameter /$stack/forecast, and costs nothing" >&2
[[ -z $bucket ]] || cat <<TEXT
The bucket $bucket is kept, with all recordings. It keeps old versions, so that "aws s3 rb --force" cannot delete it:
in the S3 console, choose "Empty" and then "Delete", when you want none of them any more.
TEXT
