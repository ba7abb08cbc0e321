# Sourced by tools/test and tools/check: named steps, one line each, a summary.
#
#   step "what is checked" command args...
#
# A step's output goes to $logs/<number>.log and is shown when it fails; every step
# runs whatever the others did. `summary` prints "N passed, N failed" and is the exit
# status. A step that ends with status 77 is skipped, and says why in its last line.

passed=0
failed=0
skipped=0
failures=""
logs=${CRO_LOGS:-build/log}
mkdir -p "$logs"
logs=$(cd "$logs" && pwd)

note() { printf '%-8s %-52s %s\n' "$1" "$2" "$3"; }

step() {
  name=$1
  shift
  log="$logs/$script-$((passed + failed + skipped + 1)).log"
  began=$(date +%s)
  status=0
  "$@" >"$log" 2>&1 </dev/null || status=$?
  took="$(($(date +%s) - began)) s"
  case $status in
  0)
    passed=$((passed + 1))
    note ok "$name" "$took$(figures "$log")"
    ;;
  77)
    skipped=$((skipped + 1))
    note skipped "$name" "$(tail -n 1 "$log")"
    ;;
  *)
    failed=$((failed + 1))
    failures="$failures
  $name: $log"
    note FAILED "$name" "$took"
    shown "$log" | sed 's/^/    /'
    ;;
  esac
}

# What a test program says about itself, behind the time.
figures() {
  cases=$(grep -c '^ok [0-9]' "$1") || cases=0
  [ "$cases" -eq 0 ] || printf ', %s cases' "$cases"
  grep -Eo '^[0-9]+% tests passed.*|^[0-9]+ drivers.*' "$1" | tail -n 1 | sed 's/^/, /'
}

# Of a failed step: the cases that failed, where the log is of cases, and its end.
shown() {
  awk '/^not ok/ { show = 1 } /^ok/ { show = 0 } show' "$1" | head -n 200
  tail -n "${CRO_TAIL:-60}" "$1" | grep -v '^ok [0-9]' || :
}

summary() {
  [ -z "$failures" ] || printf 'failed:%s\n' "$failures"
  [ "$skipped" -eq 0 ] || printf '%s skipped, ' "$skipped"
  echo "$passed passed, $failed failed"
  if [ -n "${CRO_RESULTS:-}" ]; then
    echo "$passed $failed" >>"$CRO_RESULTS"
  fi
  [ "$failed" -eq 0 ]
}
