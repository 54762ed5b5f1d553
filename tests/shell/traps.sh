### exit trap
trap 'echo bye' EXIT
echo hi
### exit trap and status
trap 'echo status $?' EXIT
exit 3
### exit trap keeps the status
trap 'false' EXIT
exit 4
### exit in the exit trap
trap 'echo t; exit 9' EXIT
exit 4
### exit trap by number
trap 'echo zero' 0
### exit trap and set -e
set -e
trap 'echo cleanup $?' EXIT
false
### exit trap and a syntax error
trap 'echo cleanup' EXIT
echo a
fi
### exit trap and an expansion error
trap 'echo cleanup' EXIT
echo ${x?unset}
### exit trap in a subshell
(trap 'echo sub' EXIT; echo in); echo out
### exit trap isn't inherited
trap 'echo main' EXIT
(echo sub)
x=$(echo subst); echo $x
### exit trap is reset
trap 'echo no' EXIT; trap - EXIT; echo end
### exit trap ignored
trap '' EXIT; echo end
### signal trap
trap 'echo got TERM' TERM
kill $$
echo after
### signal trap by number
trap 'echo got 15' 15; kill -15 $$; echo after
### signal trap keeps the status
trap 'false' USR1; true; kill -USR1 $$; echo $?
### several signals
trap 'echo sig' USR1 USR2 HUP
kill -USR1 $$; kill -USR2 $$; kill -HUP $$; echo end
### signal ignored
trap '' TERM; kill $$; echo alive
### ignored signals are inherited
trap '' TERM; $SH -c 'kill $$; echo child alive'
### reset
trap 'echo no' TERM; trap - TERM
$SH -c 'kill -TERM '$$
sleep 1; echo not reached
### traps are reset in subshells
trap 'echo no' TERM
(exec $SH -c 'kill $$; echo not reached'); echo $?
### exit in a signal trap
trap 'echo t; exit 5' TERM; kill $$; echo no
### trap listing
trap 'echo a' TERM; trap "echo it's" EXIT; trap '' INT
trap
trap - EXIT
### trap listing with -p [bash]
trap 'echo a' TERM; trap -p TERM; trap -p INT
### trap with a bad signal
trap 'echo' NOSUCH
echo after $?
### trap names with SIG [ash bash]
trap 'echo got' SIGUSR1; kill -USR1 $$; echo end
### trap sees the shell's variables
x=1; trap 'echo $x' USR1; x=2; kill -USR1 $$
### double quotes expand at definition
x=1; trap "echo $x" USR1; x=2; kill -USR1 $$
### trap in a function
f() { trap 'echo set in f' EXIT; }; f; echo end
### trap while waiting
trap 'echo usr1' USR1
(sleep 0.2; kill -USR1 $$) &
sleep 0.6
echo after
### trap interrupts wait
trap 'echo usr1' USR1
sleep 5 &
p=$!
(sleep 0.2; kill -USR1 $$) &
wait $p
echo $?
kill $p
### ERR trap [bash]
trap 'echo err $?' ERR
false
true
(exit 3)
if false; then :; fi
false || true
echo end
### ERR trap in functions [bash]
trap 'echo err' ERR
f() { false; true; }; f
set -E; f
### ERR trap with set -e [bash]
set -e; trap 'echo err $?' ERR; trap 'echo exit $?' EXIT
(exit 6)
### DEBUG trap [bash]
trap 'echo debug' DEBUG
echo a
trap - DEBUG
### RETURN trap [bash]
f() { trap 'echo returning' RETURN; echo in; }; f
### death by signal
for s in TERM KILL HUP USR1 INT PIPE; do { $SH -c "kill -$s \$\$"; } 2>/dev/null; echo $?; done
### death by signal is told [dash ash]
for s in TERM KILL HUP USR1 INT PIPE; do $SH -c "ulimit -c 0; kill -$s \$\$"; echo $?; done
### death by signal in a subshell
(kill -9 $$) 2>/dev/null &
wait; sleep 1
### death in a pipeline
$SH -c 'kill -9 $$' | cat; echo $?
### trap on pipe's reader
trap 'echo pipe' PIPE; echo end
### trap with empty arguments
trap; echo $?
### trap with one argument resets
trap 'echo no' USR1; trap USR1; trap
### trap minus with several
trap 'echo a' EXIT USR1; trap - EXIT USR1; trap; echo none
### exit trap runs once
trap 'echo once; exit 2' EXIT
exit 1
### exit trap and exec
trap 'echo no' EXIT
exec true
### exit trap with kill
trap 'echo exit' EXIT
trap 'echo term; exit 7' TERM
kill $$
### a second signal while the trap runs
trap 'echo a; kill -USR2 $$; echo b' USR1
trap 'echo c' USR2
kill -USR1 $$
echo end
### clean-up of a temporary file
t=./tmp.$$; trap 'rm -f $t; echo removed' EXIT
echo data > $t; cat $t
