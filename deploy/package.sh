#!/usr/bin/env bash
# Packs what `sam build` has built, to be deployed without Rust: DIRECTORY/jibri-autoscaler-VERSION-ARCHITECTURE.tar.gz.
set -euo pipefail

fail() { echo "package: $*" >&2 && exit 1; }

(($# == 3)) || fail "usage: package.sh ARCHITECTURE VERSION DIRECTORY"
architecture=$1 version=$2
[[ $version =~ ^[A-Za-z0-9.+-]+$ ]] || fail "$version is no version: give one such as v1.2.3"
case $architecture in # Its number in an ELF header, and the architecture that the package does not have.
  x86_64) machine=3e00 other=arm64 ;;
  arm64) machine=b700 other=x86_64 ;;
  *) fail "the architecture is x86_64 or arm64, not $architecture" ;;
esac
mkdir -p "$3"
directory=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."
build=.aws-sam/build
name=jibri-autoscaler-$version-$architecture

[[ -e $build/template.yaml ]] ||
  fail "nothing is built: sam build --parameter-overrides FunctionArchitecture=$architecture"
mapfile -t functions < <(sed -n 's/^      CodeUri: //p' "$build/template.yaml")
((${#functions[@]} > 0)) || fail "there is no function in $build/template.yaml"
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
package=$staging/$name
mkdir -p "$package/deploy"
for function in "${functions[@]}"; do
  [[ $function =~ ^[A-Za-z0-9]+$ ]] || fail "the CodeUri $function is no folder beside the template"
  bootstrap=$build/$function/bootstrap
  [[ -x $bootstrap ]] || fail "$bootstrap is missing"
  [[ $(od -An -tx1 -j18 -N2 "$bootstrap" | tr -d ' \n') == "$machine" ]] ||
    fail "$bootstrap is not built for $architecture"
  install -D -m 0755 "$bootstrap" "$package/$function/bootstrap"
done

sed "/^  FunctionArchitecture:/,/^  [A-Z]/ { s/^    Default: .*/    Default: $architecture/; /^    - $other\$/d }" \
  "$build/template.yaml" >"$package/template.yaml"
sed "s/FunctionArchitecture=$other/FunctionArchitecture=$architecture/" samconfig.example.toml \
  >"$package/samconfig.example.toml"
install -m 0755 deploy/deploy.sh deploy/teardown.sh "$package/deploy"
cp LICENSE "$package"
cat >"$package/README.md" <<README
# jibri-autoscaler $version, functions for $architecture

The functions are built: you need AWS SAM, and no Rust. Either answer \`sam deploy --guided\`, or copy
samconfig.example.toml to samconfig.toml, put your own values in, and run \`deploy/deploy.sh\`, which also looks for the
passwords. \`deploy/teardown.sh STACK_NAME\` takes the stack down without cutting a recording.
README
tar --create --gzip --owner=0 --group=0 --numeric-owner --sort=name \
  --directory "$staging" --file "$directory/$name.tar.gz" "$name"
echo "$directory/$name.tar.gz"
