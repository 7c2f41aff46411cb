#!/bin/bash
# Runs `vlabench gate` with the action's inputs, puts its summary on the job's page, and ends as the verdict asks for.
set -uo pipefail

read -ra further <<<"${ARGUMENTS:-}" # splits at blanks, and does nothing else
status=0
vlabench gate --baseline "$BASELINE" --candidate "$CANDIDATE" ${SUITE:+--suite "$SUITE"} \
    --margin "${MARGIN:-5}" --alpha "${ALPHA:-0.05}" --summary "${GITHUB_STEP_SUMMARY:-/dev/null}" \
    --junit "${JUNIT:-gate.xml}" ${further[@]+"${further[@]}"} || status=$?
case $status in
0) verdict="no regression" ;;
1) verdict="regression" ;;
3) verdict="inconclusive" ;;
*) verdict="error" ;;
esac
printf 'status=%s\nverdict=%s\n' "$status" "$verdict" >>"${GITHUB_OUTPUT:-/dev/null}"
if [ "$status" = 3 ] && [ "${INCONCLUSIVE:-fail}" = pass ]; then
    echo "::warning title=vlabench gate::inconclusive: more episodes would be needed, see the summary"
    exit 0
fi
exit "$status"
