#!/usr/bin/env bash
# Takes a stack down without cutting a recording: ends the group's instances through their drains, and then deletes the stack.
set -euo pipefail
export AWS_PAGER=""

usage="usage: teardown.sh STACK_NAME [--yes]"
pause_seconds=30    # scale_in protects instances again every minute
most_protections=50 # SetInstanceProtection takes no more ids in a call
most_failures=10    # rounds in a row, for example when credentials have expired

fail() { echo "teardown: $*" >&2 && exit 1; }
ask() { aws --output text "$@"; }

resource() { # LOGICAL_ID: its type, its name, its status
  ask cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" \
    --query 'StackResourceDetail.[ResourceType,PhysicalResourceId,ResourceStatus]'
}

# Writes the group's terminating hooks into `hooks`. Writes into `seen` a line for the group, so that an empty group differs
# from a missing one; a line for its warm pool, if it has one; and a line for each instance of both.
look() {
  local pool
  seen=$(ask autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$group" --query \
    "AutoScalingGroups[].[[['group']],Instances[].[InstanceId,LifecycleState,ProtectedFromScaleIn]][][]") || return
  [[ -n $seen ]] || fail "the group $group is not there. If you have deleted it, delete the stack by hand."
  hooks=$(ask autoscaling describe-lifecycle-hooks --auto-scaling-group-name "$group" --query \
    "LifecycleHooks[?LifecycleTransition=='autoscaling:EC2_INSTANCE_TERMINATING'].LifecycleHookName") || return
  pool=$(ask autoscaling describe-warm-pool --auto-scaling-group-name "$group" --query \
    "[WarmPoolConfiguration.[['pool',Status||'there']]||\`[]\`,Instances[].[InstanceId,LifecycleState]][][]") || return
  seen+=$'\n'$pool
}

# Sets the group to 0 instances and takes off their protection: the group then ends them, through its hook.
end_instances() {
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
  local seen hooks left answered ended_before=false failures=0
  while true; do
    answered=true
    look || answered=false
    if $answered; then
      echo "$(date +%T) $(count_states)"
      # A line that is not understood counts as an instance.
      left=$(awk 'NF && $1 !~ /^(group|pool)$/ && $2 !~ /Terminating:Retained$/' <<<"$seen")
      [[ -z $left || -n $hooks ]] ||
        fail "the group $group has no terminating hook: without it, ending an instance would cut its recording." \
          "No more instances are ended. Put the hook back (docs/deploying.md says how), then run this again."
      # The group was set to 0 before this look, so that it cannot have launched an instance since.
      if $ended_before && [[ -z $left ]]; then
        name_retained
        return
      fi
      end_instances || answered=false
    fi
    if $answered; then
      ended_before=true failures=0
    else
      ((++failures < most_failures)) ||
        fail "AWS refused $failures times in a row; the stack stays. Run this again to go on."
      echo "teardown: AWS refused a call; trying again in $pause_seconds s" >&2
    fi
    sleep "$pause_seconds"
  done
}

count_states() {
  awk '/^i-/ { count[$2]++ } END { for (state in count) print count[state], state }' <<<"$seen" | sort -k 2 |
    awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print NR ? text : "no instance is left" }'
}

# Fails if an instance is retained: the recordings on its disk are nowhere else.
name_retained() {
  local id ids
  mapfile -t ids < <(awk '/^i-/ { print $1 }' <<<"$seen")
  ((${#ids[@]} > 0)) || return 0
  {
    echo "teardown: these instances are retained, since their drains could not end. The stack stays until you end them."
    echo "Of each, save what is in /opt/jibri/storage, then end it with its command. Then run this again."
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
aws sts get-caller-identity >/dev/null || fail "there are no valid credentials for AWS: run aws configure, or aws sso login"
protected=$(ask cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].EnableTerminationProtection') ||
  fail "no stack $stack can be seen in this account and region"
[[ $protected != True ]] || fail "the stack $stack is protected from deletion: take its termination protection off first"
found=$(resource Group) || fail "the stack $stack has no group of Jibris"
read -r type group status <<<"$found"
[[ $type == AWS::AutoScaling::AutoScalingGroup ]] || fail "the stack $stack has no group of Jibris"
read -r _ bucket _ < <(resource RecordingsBucket) || bucket=''

cat <<TEXT
This takes down the stack $stack:
  1. The group $group is set to 0 instances, for good; its warm pool is deleted.
  2. Each instance ends as soon as its recording is finished and uploaded. This may take as long as the longest recording.
  3. When no instance is left, the stack is deleted. The recordings in the bucket ${bucket:-(none)} are kept.
Ctrl-C is safe at any time: run it again to go on.
TEXT
if ! $yes; then
  [[ -t 0 ]] || fail "there is no terminal to ask on: give --yes to go on"
  read -r -p "Go on? [y/N] " answer
  [[ $answer == [yY]* ]] || fail "nothing was changed"
fi

# An earlier run may have deleted the group, and failed later.
[[ $status == DELETE_COMPLETE ]] || empty_group

echo "Deleting the stack $stack. Network interfaces of functions can take half an hour."
aws cloudformation delete-stack --stack-name "$stack"
aws cloudformation wait stack-delete-complete --stack-name "$stack" ||
  fail "the stack was not deleted: aws cloudformation describe-stack-events --stack-name $stack says why; then run this again"
echo "The stack $stack is gone."
# No function writes it any more. If it does not exist, delete-parameters succeeds.
aws ssm delete-parameters --names "/$stack/forecast" >/dev/null ||
  echo "teardown: the last forecast stays in the SSM parameter /$stack/forecast, which costs nothing" >&2
[[ -z $bucket ]] || cat <<TEXT
The bucket $bucket is kept, with all recordings. When you no longer need them, choose "Empty" and then "Delete" in the S3
console: "aws s3 rb --force" cannot delete the bucket, since it keeps old versions.
TEXT
