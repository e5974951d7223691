# shellcheck shell=bash
# What the scripts share: messages, tools they need, a Python environment, and the end-to-end run.
# Sourced, not run; the caller has set `set -euo pipefail`.

# The step that is running, and when it began (see the end of this file).
STEP=
STEP_START=0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET_DIR=${CARGO_TARGET_DIR:-target}
[[ $TARGET_DIR == /* ]] || TARGET_DIR=$ROOT/$TARGET_DIR
NEARFIELD=$TARGET_DIR/release/nearfield
VENV=$TARGET_DIR/venv
ORACLE=$ROOT/tests/oracle
SPOTIFY=$ROOT/tests/spotify

say() { printf '%s\n' "$*" >&2; }
die() {
  say "error: $*"
  [[ -z $STEP ]] || step_failed "$STEP" $((SECONDS - STEP_START)) 1
  exit 1
}

# Prints the head comment of the script in $1, without its first line and the comment marks.
print_help() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"; }

# --- Operation -----------------------------------------------------------------------------------------------
#
# For scripts that run where nearfield is installed: from cron, without a toolchain.

# The program to run, in $PROGRAM: the one NEARFIELD_BIN names, else an installed one, else what `cargo build --release` made.
find_program() {
  PROGRAM=${NEARFIELD_BIN:-}
  [[ -z $PROGRAM ]] || return 0
  if PROGRAM=$(command -v nearfield); then
    return
  fi
  PROGRAM=$NEARFIELD
  [[ -x $PROGRAM ]] || die "there is no nearfield on the PATH and none in $NEARFIELD; build it with: cargo build --release"
}

# only_one LOCK_FILE WHAT: goes on as the only run; exit code 75 (try again later) where another one holds the lock.
# The system lets go of the lock when this process ends, however that happens.
only_one() {
  command -v flock >/dev/null || die "flock is missing; it belongs to util-linux"
  mkdir -p "$(dirname "$1")"
  exec {LOCK_FD}>"$1"
  if ! flock --nonblock "$LOCK_FD"; then
    say "$2 is running already (it holds $1)"
    exit 75
  fi
}

# lock_of KIND INDEXES NAME: the lock file of what works on a snapshot; INDEXES and NAME are what flags say, else empty. The
# program alone knows what .env and nearfield.toml add: without flags and environment the lock is the working directory's.
lock_of() {
  local name=${3:-${NEARFIELD_NAME:-}}
  name=${name//\//_}
  printf '%s/.nearfield-%s%s.lock' "${2:-${NEARFIELD_INDEXES:-.}}" "$1" "${name:+-$name}"
}

# reason_of LOG: one line, what the program said last of what is wrong.
reason_of() {
  grep '^error' "$1" | tail -n 1 | grep . || tail -n 1 "$1"
}

# whole_number FLAG VALUE LEAST: refuses what is no whole number of at least LEAST.
whole_number() {
  [[ $2 =~ ^[0-9]{1,9}$ ]] && [[ $2 -ge $3 ]] || usage_error "$1 is '$2'; expected a whole number, at least $3"
}

usage_error() {
  say "error: $*"
  exit 2
}

# --- Tools ---------------------------------------------------------------------------------------------------

# Installs Debian packages as root or through sudo; says what to install where neither is possible.
apt_install() {
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    as_root=(sudo)
    # Without a terminal sudo must not ask for a password.
    [[ -t 0 ]] || as_root=(sudo -n)
  fi
  if ! command -v apt-get >/dev/null || { [[ ${#as_root[@]} -gt 0 ]] && ! command -v sudo >/dev/null; }; then
    die "please install with your system's package manager, then run this again: $*"
  fi
  say "installing $* ..."
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "could not install $*; please install it by hand, then run this again"
  fi
  rm -f "$log"
}

ensure_cargo() {
  if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  fi
  command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs, then run this again"
}

# The embedded store and the compression libraries are C code.
ensure_c_compiler() { command -v cc >/dev/null || apt_install build-essential; }

# ensure_rust_component SUBCOMMAND COMPONENT: rustfmt and clippy may be left out of a minimal toolchain.
ensure_rust_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  command -v rustup >/dev/null || die "'cargo $1' is missing: install the Rust component $2"
  rustup component add "$2" >&2 || die "'cargo $1' is missing and 'rustup component add $2' failed"
}

# ensure_command COMMAND PACKAGE: what the examples of README.md run with.
ensure_command() { command -v "$1" >/dev/null || apt_install "$2"; }

ensure_python3() {
  command -v python3 >/dev/null || apt_install python3 python3-venv
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"
}

ensure_node() {
  command -v node >/dev/null && command -v npm >/dev/null || apt_install nodejs npm
  [[ $(node -p 'process.versions.node.split(".")[0]') -ge 20 ]] || die "Node.js 20 or later is needed"
}

# npm_packages FROM TO: installs the packages that are locked in the folder FROM into the folder TO, where they are not.
npm_packages() {
  cmp -s "$1/package-lock.json" "$2/package-lock.json" && return
  say "installing the packages of ${1#"$ROOT/"} for the tests ..."
  rm -rf "$2"
  mkdir -p "$2"
  cp "$1/package.json" "$1/package-lock.json" "$2/"
  if ! (cd "$2" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
    tail -n 20 "$2/npm.log" >&2
    # An incomplete folder must not look like a complete one.
    rm -rf "$2"
    die "the packages of ${1#"$ROOT/"} could not be installed"
  fi
}

# Chromium or Chrome, in $CHROMIUM.
ensure_browser() {
  local name
  [[ -z ${CHROMIUM:-} ]] || return 0
  command -v chromium google-chrome >/dev/null || apt_install chromium
  for name in chromium google-chrome; do
    if CHROMIUM=$(command -v "$name"); then
      export CHROMIUM
      return
    fi
  done
  die "there is no chromium"
}

# ensure_venv FOLDER REQUIREMENTS...: a virtual environment with the pinned packages of these files.
ensure_venv() {
  local file files=()
  for file in "${@:2}"; do
    files+=(-r "$file")
  done
  ensure_python3
  if ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$1"
    if ! python3 -m venv "$1" >/dev/null 2>&1; then
      apt_install python3-venv
      rm -rf "$1"
      python3 -m venv "$1"
    fi
  fi
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${files[@]}"
}

# What the tests need, in $VENV.
ensure_python() { ensure_venv "$VENV" "$ORACLE/requirements.txt" "$SPOTIFY/requirements.txt"; }

# --- End to end ----------------------------------------------------------------------------------------------
#
# Each function below is one step; they share these. The working folder is outside the repository, so that no
# .env or nearfield.toml of a developer has a say.

E2E_DIR=
E2E_URL=
SERVER_PID=

e2e_begin() {
  local name
  for name in $(compgen -e | grep -E '^(NEARFIELD_.*|SECRET_TOKEN|MONGO_URL|REDIS_URL)$' || true); do
    unset "$name"
  done
  E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/nearfield-e2e.XXXXXX")
}

# Stops what runs and removes the working folder; for a trap.
e2e_end() {
  if [[ -n $SERVER_PID ]]; then
    kill -KILL "$SERVER_PID" 2>/dev/null || true
    wait "$SERVER_PID" 2>/dev/null || true
    SERVER_PID=
  fi
  [[ -z $E2E_DIR ]] || rm -rf "$E2E_DIR"
  E2E_DIR=
}

nearfield_in_e2e() { (cd "$E2E_DIR" && exec "$NEARFIELD" "$@"); }

e2e_import() { nearfield_in_e2e import "$1" --store lmdb:catalogue; }

e2e_build() { nearfield_in_e2e build --store lmdb:catalogue --indexes indexes --name main; }

e2e_verify() { nearfield_in_e2e inspect --indexes indexes --name main --verify; }

e2e_export() { nearfield_in_e2e export --indexes indexes --name main --vectors vectors.npy --ids ids.txt; }

# e2e_start [NAME]: serves a snapshot, else `main`, on a free port and waits for the line `listening on http://127.0.0.1:PORT`.
e2e_start() {
  local name=${1:-main} out=$E2E_DIR/serve.out err=$E2E_DIR/serve.err
  : >"$out"
  (cd "$E2E_DIR" && exec "$NEARFIELD" serve --indexes indexes --name "$name" --bind 127.0.0.1:0) >"$out" 2>"$err" </dev/null &
  SERVER_PID=$!
  local _
  for _ in $(seq 600); do
    E2E_URL=$(sed -n 's|.*listening on \(http://127\.0\.0\.1:[0-9][0-9]*\).*|\1|p' "$out" | head -n 1)
    if [[ -n $E2E_URL ]]; then
      say "serving at $E2E_URL"
      return 0
    fi
    kill -0 "$SERVER_PID" 2>/dev/null || break
    sleep 0.1
  done
  say "the server printed no line 'listening on http://127.0.0.1:PORT'; its output:"
  tail -n 30 "$out" "$err" >&2
  return 1
}

e2e_check_vectors() {
  "$VENV/bin/python" "$ORACLE/check_vectors.py" --csv "$1" --vectors "$E2E_DIR/vectors.npy" --ids "$E2E_DIR/ids.txt"
}

e2e_check_similar() { "$VENV/bin/python" "$ORACLE/check_similar.py" --csv "$1" --url "$E2E_URL" --queries "$2"; }

e2e_check_batch() { "$VENV/bin/python" "$ORACLE/check_batch.py" --csv "$1" --url "$E2E_URL" --queries "$2"; }

e2e_check_collapse() { "$VENV/bin/python" "$ORACLE/check_collapse.py" --csv "$1" --url "$E2E_URL" --queries "$2"; }
e2e_check_explain() { "$VENV/bin/python" "$ORACLE/check_explain.py" --csv "$1" --url "$E2E_URL" --queries "$2"; }

e2e_check_errors() { "$VENV/bin/python" "$ORACLE/check_errors.py" --url "$E2E_URL"; }

e2e_check_spotipy() { "$VENV/bin/python" "$SPOTIFY/check_spotipy.py" --url "$E2E_URL"; }

# SIGTERM must end the server by itself, with exit code 0, within 30 seconds.
e2e_stop() {
  local pid=$SERVER_PID code=0 _
  kill -TERM "$pid" || {
    say "the server was gone before it was told to stop; its last words:"
    tail -n 30 "$E2E_DIR/serve.err" >&2
    return 1
  }
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 "$pid" 2>/dev/null; then
    say "the server still ran 30 s after SIGTERM"
    return 1
  fi
  wait "$pid" || code=$?
  SERVER_PID=
  if [[ $code -ne 0 ]]; then
    say "the server ended with exit code $code after SIGTERM; its last words:"
    tail -n 30 "$E2E_DIR/serve.err" >&2
    return 1
  fi
}

# --- Steps ---------------------------------------------------------------------------------------------------
#
# The commands of a step run as a condition, where `set -e` is off: each must end with the exit code that counts.

PASSED=0

# How many tests a log reports: cargo's harness, Python's unittest, and the closing lines of tests/oracle and tests/spotify.
count_tests() {
  awk '
    /^test result: ok\. [0-9]+ passed/ { n += $4 }
    /^Ran [0-9]+ tests? in / { n += $2 }
    /^[0-9]+ passed, [0-9]+ failed$/ { n += $1 }
    END { print n + 0 }' "$1"
}

step_failed() { # NAME SECONDS CODE
  printf '== %s: FAILED after %d s (exit code %d)\n' "$1" "$2" "$3"
  printf '%d passed, 1 failed\n' "$PASSED"
  exit 1
}

step_begin() {
  STEP=$1
  STEP_START=$SECONDS
  printf '\n== %s\n' "$STEP"
}

step_end() { # CODE TESTS
  local seconds=$((SECONDS - STEP_START))
  [[ $1 -eq 0 ]] || step_failed "$STEP" "$seconds" "$1"
  PASSED=$((PASSED + 1 + $2))
  printf '== %s: ok, %d s' "$STEP" "$seconds"
  [[ $2 -eq 0 ]] || printf ', %d tests' "$2"
  printf '\n'
  STEP=
}

# step NAME COMMAND...: runs one step in this shell (it may set variables); the first that fails ends the script.
step() {
  local code=0
  step_begin "$1"
  shift
  "$@" || code=$?
  step_end "$code" 0
}

# tests NAME COMMAND...: the same for a step that reports tests, which are counted; it runs in a subshell.
tests() {
  local code=0 log n
  step_begin "$1"
  shift
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || code=$?
  n=$(count_tests "$log")
  rm -f "$log"
  step_end "$code" "$n"
}

# skipped NAME WHY: says so where nobody can overlook it.
skipped() { printf '\n== %s: SKIPPED: %s\n' "$1" "$2"; }

closing_line() { printf '\n%d passed, 0 failed\n' "$PASSED"; }

# All the steps from a CSV to a checked server. $1: the CSV; $2: queries per check.
end_to_end() {
  step "import" e2e_import "$1"
  step "build" e2e_build
  step "inspect --verify" e2e_verify
  step "export" e2e_export
  tests "vectors against the reference" e2e_check_vectors "$1"
  step "serve" e2e_start
  tests "answers and recall against the reference" e2e_check_similar "$1" "$2"
  tests "other recordings against the reference" e2e_check_collapse "$1" "$2"
  tests "batches against single queries and the reference" e2e_check_batch "$1" "$2"
  tests "explanations and counterfactuals against the reference" e2e_check_explain "$1" "$2"
  tests "refusals" e2e_check_errors
  tests "the real spotipy" e2e_check_spotipy
  step "stop by SIGTERM" e2e_stop
}
