### pipes connect
echo a b | tr ' ' '\n' | sort -r | head -n 1
### status is the last's
false | true; echo $?
true | false; echo $?
(exit 3) | (exit 4); echo $?
### negation
! true; echo $?
! false; echo $?
! (exit 3); echo $?
! false | true; echo $?
### negation of a pipeline
! true | false; echo $?
### pipefail [ash bash]
set -o pipefail
false | true; echo $?
(exit 3) | (exit 4) | true; echo $?
true | true; echo $?
set +o pipefail
false | true; echo $?
### pipefail is no option here [dash]
set -o pipefail
echo after
### each stage is a subshell
x=1; echo | x=2; echo $x
echo v | read y; echo "[$y]"
### while at the end of a pipe
printf '1\n2\n3\n' | while read n; do s=$((s+n)); echo $s; done
echo "[$s]"
### groups in pipes
{ echo a; echo b; } | { read x; read y; echo $y $x; }
### functions in pipes
up() { tr a-z A-Z; }
echo hello | up | tail -n 1
### broken pipe
yes | head -n 2
### broken pipe status in bash [bash]
yes | head -n 1
echo ${PIPESTATUS[0]} >/dev/null; echo $?
### newline after the bar
echo a |

cat
### stderr through a pipe
{ echo out; echo err >&2; } 2>&1 | sort
### pipe and stderr [bash]
{ echo out; echo err >&2; } |& sort
### exit in a stage leaves only the stage
echo a | exit 3
echo $? still
### redirection wins over the pipe
echo a > f | cat; cat f
### and-or lists
true && echo a || echo b
false && echo a || echo b
false || true && echo c
true || echo no && echo d
### and-or over lines
true &&
  echo a
false ||

  echo b
### status of skipped commands
false && true; echo $?
true || false; echo $?
(exit 5) && true; echo $?
(exit 5) || (exit 6); echo $?
### and-or with groups
{ false; true; } && echo yes
( true; false ) || echo no
### chains with assignments
x=1 && y=2 && echo $x$y
x=$(false) || echo failed
### sequential
echo a; echo b;echo c
### a semicolon ends an and list
false && echo no; echo yes
### long pipeline
echo x | cat | cat | cat | cat | cat | cat
### pipeline in a condition
if echo abc | grep -q b; then echo found; fi
if ! echo abc | grep -q z; then echo none; fi
### reading a pipe partly
printf 'a\nb\nc\n' | { read l; echo "first $l"; cat; }
### PIPESTATUS [bash]
false | true | (exit 3)
echo ${PIPESTATUS[0]} ${PIPESTATUS[1]} ${PIPESTATUS[2]}
