# shellcheck shell=bash
# What the scripts share: finding and installing packages, configuring and building. Sourced, not run.
# The caller has set -euo pipefail.

tcpwhy_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Debian's names, what building and running the plugin takes, and what the tests take on top.
build_packages=(g++ cmake ninja-build pkg-config libfmt-dev libglib2.0-dev libcli11-dev nlohmann-json3-dev wireshark-dev tshark)
# shellcheck disable=SC2034  # for scripts/test and scripts/matrix
test_packages=("${build_packages[@]}" libgtest-dev libgmock-dev libvalijson-dev jq dpkg-dev file python3)
# What the golden runs alone take: the plugin, and no program.
# shellcheck disable=SC2034  # for scripts/test and scripts/matrix
golden_packages=(g++ cmake ninja-build pkg-config libfmt-dev libglib2.0-dev wireshark-dev tshark libgtest-dev libgmock-dev)
# A cluster for tests/slurm. Not among test_packages: Debian starts daemons that are installed at the next boot, which is more
# than somebody bargains for who wants to see the tests pass. Continuous integration has them; elsewhere the test says what it lacks.
# shellcheck disable=SC2034  # for .ci/run
cluster_packages=(slurmctld slurmd slurm-client munge iproute2)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

# missing_packages NAME…: prints those that are not installed.
missing_packages() {
  local package
  for package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *' installed') ;;
      *) printf '%s\n' "$package" ;;
    esac
  done
}

# need_packages NAME…: installs what is missing, as root or through sudo; else says what to install and fails. No daemon is
# started by it.
need_packages() {
  command -v dpkg-query >/dev/null || return 0  # not Debian: what is missing, the build will say
  local missing as_root=()
  missing=$(missing_packages "$@")
  [[ $missing ]] || return 0
  mapfile -t missing <<<"$missing"
  if ((EUID != 0)); then
    # Without somebody to type a password sudo may only be asked if it asks nothing.
    if command -v sudo >/dev/null && { [[ -t 0 && -z ${CI:-} ]] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    else
      die "not installed, and only root can: apt-get install --no-install-recommends ${missing[*]}"
    fi
  fi
  say "installing ${missing[*]}"
  # wireshark-common asks whether everybody may capture; nothing here captures, and nobody may be there to answer.
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  # What Debian asks before it starts one (invoke-rc.d(8)): 101 is no.
  local policy=/usr/sbin/policy-rc.d ours=0 status=0
  if [[ ! -e $policy ]]; then
    # shellcheck disable=SC2016  # the other shell's
    "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy" && ours=1
  fi
  {
    "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
  } </dev/null >&2 || status=1
  ((!ours)) || "${as_root[@]}" rm -f "$policy"
  ((!status)) || die "apt-get failed; install by hand: ${missing[*]}"
}

# need_clang: installs clang with its libFuzzer, where that is Debian's to give. The run-time library bears the version of
# the compiler in its name, and is only recommended by it.
need_clang() {
  command -v dpkg-query >/dev/null || return 0
  need_packages clang
  local version
  version=$(clang -dumpversion) || die "clang doesn't run"
  need_packages "libclang-rt-${version%%.*}-dev"
}

# build_folder PRESET: prints where that preset is built: build/PRESET of the checkout, or, where the checkout belongs
# to somebody else, the user's cache.
build_folder() {
  local folder=$tcpwhy_source/build/$1 nearest
  nearest=$folder
  while [[ ! -e $nearest ]]; do nearest=${nearest%/*}; done
  if [[ ! -w $nearest || (-e $folder/CMakeCache.txt && ! -w $folder/CMakeCache.txt) ]]; then
    local checkout
    checkout=$(cksum <<<"$tcpwhy_source")
    folder=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/tcpwhy/${checkout%% *}/$1
  fi
  printf '%s\n' "$folder"
}

# What CMake shall be told beside the preset.
tcpwhy_cmake=()

# build PRESET [TARGET…]: configures and builds what is out of date, everything without a TARGET, and sets tcpwhy_build
# to the folder. Quiet when it succeeds. The plugin is tcpwhy.so here: for Ninja `tcpwhy` is the file of that name, the program.
build() {
  local preset=$1 log
  shift
  tcpwhy_build=$(build_folder "$preset")
  mkdir -p "$tcpwhy_build" || die "can't make $tcpwhy_build"
  # A checkout that was copied or moved with its build folder: CMake refuses, and is right.
  if [[ -f $tcpwhy_build/CMakeCache.txt ]] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$tcpwhy_source" "$tcpwhy_build/CMakeCache.txt"; then
    rm -rf "$tcpwhy_build/CMakeCache.txt" "$tcpwhy_build/CMakeFiles"
  fi
  log=$tcpwhy_build/build.log
  # The lock: two of these at once, as after `for f in *.pcap; do scripts/why $f & done`, must not build side by side.
  (
    flock 9
    cd "$tcpwhy_source" || exit
    [[ -f $tcpwhy_build/CMakeCache.txt ]] || say "building $preset; the first time takes a minute or two"
    if ! { cmake --preset "$preset" -B "$tcpwhy_build" "${tcpwhy_cmake[@]}" && cmake --build "$tcpwhy_build" ${1:+--target "$@"}; } \
      </dev/null >"$log" 2>&1; then
      tail -n 60 "$log" >&2
      die "the build of $preset failed; all of it is in $log"
    fi
  ) 9>"$tcpwhy_build/.lock"
}
