# shellcheck shell=bash
# Minimal Debians in folders: made once, kept as archives, unpacked as often as wanted. Sourced after lib.sh, not run.
# The caller has set -euo pipefail, and is root.

# shellcheck disable=SC2154  # lib.sh sets tcpwhy_source
((EUID == 0)) || die "chroots take root"
roots=${TCPWHY_ROOTS:-/var/tmp/tcpwhy-roots}

mirror() {
  # shellcheck disable=SC2016  # apt expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | sed -n 1p |
    grep . || echo http://deb.debian.org/debian
}

# bootstrap SUITE: makes pristine-SUITE.tar, a minimal Debian that nothing was done to.
bootstrap() {
  local suite=$1 new=$roots/$1.bootstrap
  [[ ! -f $roots/pristine-$suite.tar ]] || return 0
  need_packages debootstrap
  say "$suite: debootstrap"
  rm -rf "$new"
  mkdir -p "$roots"
  debootstrap --variant=minbase "$suite" "$new" "$(mirror)" >"$roots/$suite.log" 2>&1 ||
    die "debootstrap of $suite failed; see $roots/$suite.log"
  # How this machine's apt reaches its mirror, proxies and all, holds inside too.
  apt-config dump | grep -E '^Acquire::(Check|http|ForceIPv|Retries)' >"$new/etc/apt/apt.conf.d/90host" || true
  rm -f "$new"/var/cache/apt/archives/*.deb
  tar -C "$new" --numeric-owner -cf "$roots/pristine-$suite.tar.new" .
  mv "$roots/pristine-$suite.tar.new" "$roots/pristine-$suite.tar"
  rm -rf "$new"
}

# unpack SUITE FOLDER
unpack() {
  mkdir -p "$2"
  tar -C "$2" --numeric-owner -xf "$roots/pristine-$1.tar"
}

# copy_checkout ROOT: to /tcpwhy, with the times of its files, so that a build folder that is there stays valid. What stands in
# the checkout is copied and not its folder: somebody may be making build/ in that, and for tar a file that changes is an error.
copy_checkout() {
  mkdir -p "$1/tcpwhy"
  find "$1/tcpwhy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  find "$tcpwhy_source" -mindepth 1 -maxdepth 1 ! -name build ! -name .git -printf '%P\0' |
    tar -C "$tcpwhy_source" --null -T - -cf - |
    tar -C "$1/tcpwhy" --no-same-owner -xf -
}

# inside ROOT USER COMMAND…: in a mount namespace of its own, so that no mount outlives it.
inside() {
  local root=$1 user=$2
  shift 2
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  # shellcheck disable=SC2016  # the inner shell expands them
  unshare --mount --propagation private sh -c '
    mount -t proc proc "$1/proc"
    root=$1 user=$2
    shift 2
    exec chroot --userspec="$user" "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME="/var/tmp/home-$user" LANG=C.UTF-8 CI=true ${http_proxy:+http_proxy="$http_proxy"} \
      ${TCPWHY_PRESETS:+TCPWHY_PRESETS="$TCPWHY_PRESETS"} "$@"
  ' sh "$root" "$user" "$@" </dev/null
}
