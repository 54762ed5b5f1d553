### background and wait
sleep 0.1 & wait $!; echo $?
(exit 4) & wait $!; echo $?
### wait for all
sleep 0.2 & sleep 0.1 & wait; echo $?
### wait for several
(exit 1) & a=$!; (exit 2) & b=$!
wait $a $b; echo $?
wait $b 2>/dev/null; echo $?
### output of background jobs
{ sleep 0.2; echo late; } & echo early; wait
### kill a job
sleep 100 & kill $!; wait $! 2>/dev/null; echo $?
### kill by job number [ash bash]
sleep 100 & kill %1; wait $! 2>/dev/null; echo $?
### kill by job number wants job control in dash [dash]
sleep 0.2 & kill %1; echo $?; wait $!; echo $?
### kill with a signal name
sleep 100 & kill -KILL $!; wait $! 2>/dev/null; echo $?
sleep 100 & kill -s HUP $!; wait $! 2>/dev/null; echo $?
### kill zero tests
sleep 100 & p=$!; kill -0 $p; echo $?; kill $p; wait $p 2>/dev/null; kill -0 $p 2>/dev/null; echo $?
### kill a missing process
kill 999999; echo $?
### kill -l of a status
kill -l 9; kill -l 143; kill -l 2
### wait for no child
wait 999999; echo $?
### wait with a bad argument
wait abc
echo after $?
### wait for a missing job
wait %5
echo after $?
### jobs [ash bash]
sleep 100 & sleep 200 &
jobs; kill %1 %2; wait 2>/dev/null; echo end
### jobs in dash [dash]
sleep 100 & a=$!
sleep 200 & jobs; kill $a $!; wait; echo end
### background in a list
echo a & wait; echo b; echo c & wait
### background and-or
true && echo yes & wait; false || echo no & wait
### background reads from null
cat & wait; echo done
### background subshell's variables
x=1; { x=2; } & wait; echo $x
### background function
f() { echo in f $1; return 3; }; f arg & wait $!; echo $?
### exit with jobs running
sleep 30 & echo leaving; kill $!; exit 0
### pids differ
true & a=$!; true & b=$!; wait; [ $a != $b ] && echo differ
### wait -n [ash bash]
sleep 0.3 & (sleep 0.1; exit 5) & wait -n; echo $?; wait
### parallel and in order
for i in 1 2 3; do (sleep $((i-1)).5; echo $i) & done; wait; echo all
### status of starting a job
false; sleep 0 & echo $?; wait
### the shell's own pid in a subshell
p=$$; ( [ $$ = $p ] && echo same ); $SH -c "[ \$\$ != $p ] && echo differ"
### kill the parent's child from a subshell
sleep 100 & p=$!; (kill $p); wait $p 2>/dev/null; echo $?
### bg and fg without job control
sleep 0.1 & fg %1 >/dev/null 2>&1; echo $?; wait
### a job's group in a pipe
sleep 0.1 | cat & wait; echo $?
### disown [bash]
sleep 0.1 & disown; jobs; echo none
