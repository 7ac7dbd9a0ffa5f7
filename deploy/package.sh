#!/usr/bin/env bash
# Packs what `sam build` has built, so that it can be deployed without a Rust toolchain.
#
# usage: package.sh ARCHITECTURE VERSION DIRECTORY     (writes DIRECTORY/jibri-autoscaler-VERSION-ARCHITECTURE.tar.gz)
set -euo pipefail

fail() { echo "package: $*" >&2 && exit 1; }

[[ $# == 3 ]] || fail "usage: package.sh ARCHITECTURE VERSION DIRECTORY"
[[ $1 == x86_64 || $1 == arm64 ]] || fail "the architecture is $1, and must be x86_64 or arm64"
[[ $2 =~ ^v?[0-9][A-Za-z0-9.+-]*$ ]] || fail "the version is $2, and must be one such as v1.2.3"
root=$(cd "$(dirname "$0")/.." && pwd)
built=${SAM_BUILD_DIRECTORY:-$root/.aws-sam/build}
name=jibri-autoscaler-$2-$1
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT

functions=$(sed -n 's/^    CodeUri: \([A-Za-z]*\)$/\1/p; s/^      CodeUri: \([A-Za-z]*\)$/\1/p' "$built/template.yaml")
[[ -n $functions ]] || fail "$built/template.yaml names no function: run \`sam build\` first"
mkdir -p "$staging/$name/deploy"
for function in $functions; do
  [[ -x $built/$function/bootstrap ]] || fail "$built/$function/bootstrap is missing"
  mkdir "$staging/$name/$function"
  cp "$built/$function/bootstrap" "$staging/$name/$function/"
done
# The archive's functions are of one architecture alone.
sed "/^  FunctionArchitecture:\$/,/^  [A-Z]/s/^    Default: .*/    Default: $1/" "$built/template.yaml" >"$staging/$name/template.yaml"
grep -A3 '^  FunctionArchitecture:$' "$staging/$name/template.yaml" | grep -q "Default: $1" || fail "no FunctionArchitecture in the template"
cp "$root/samconfig.example.toml" "$root/LICENSE" "$root/docs/deploying.md" "$staging/$name/"
cp "$root/deploy/teardown.sh" "$staging/$name/deploy/"
mkdir -p "$3"
tar --create --gzip --owner=0 --group=0 --numeric-owner --sort=name --directory "$staging" --file "$3/$name.tar.gz" "$name"
echo "$3/$name.tar.gz"
