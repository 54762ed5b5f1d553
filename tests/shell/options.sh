### set -e ends at a failure
set -e
echo a
false
echo no
### set -e with the status
set -e
(exit 7)
echo no
### set -e and conditions
set -e
if false; then :; fi
while false; do :; done
until true; do :; done
! true
false || true
false && true
echo survived
### set -e and the last of an and list
set -e
true && false
echo no
### set -e and the last of an or list
set -e
false || false
echo no
### set -e in a function called in a condition
set -e
f() { false; echo still; }
if f; then echo yes; fi
f || echo no
f && echo and
! f
echo end
### set -e in a function
set -e
f() { false; echo no; }
f
echo no
### set -e in a subshell
set -e
(false; echo no) || echo inner is tested
(echo a; false; echo no)
echo no
### set -e in a group of a condition
set -e
{ false; echo still; } || echo no
echo end
### set -e and pipelines
set -e
false | true
echo ok
true | false
echo no
### set -e and pipefail [ash bash]
set -eo pipefail
false | true
echo no
### set -e and command substitution
set -e
echo $(false) ok
x=$(false)
echo no
### set -e in a substitution
set -e
x=$(false; echo b)
echo "[$x]"
### set -e and local
set -e
f() { local x=$(false); echo here; }
f
### set -e and assignments
set -e
x=1 y=$(true)
echo ok
y=$(exit 4)
echo no
### set -e in a negated pipeline
set -e
! false
echo ok
! { false; echo in; }
echo end
### set -e and case and for
set -e
for i in 1 2; do [ $i = 9 ] && echo nine; done
echo a
case x in x) false;; esac
echo no
### set -e and an if body
set -e
if true; then false; fi
echo no
### set -e and a while body
set -e
while true; do false; done
echo no
### set -e and eval
set -e
eval 'false || true'
echo ok
eval 'false'
echo no
### set -e turned off
set -e; set +e; false; echo ok
### set -e and exit trap
set -e
trap 'echo trap $?' EXIT
false
### set -e in a background job
set -e
(false; echo no) &
wait $! || echo waited $?
### set -e and nested functions
set -e
g() { false; echo g goes on; }
f() { g; echo f goes on; }
f || echo failed
echo end
### set -e with a missing command
set -e
nosuchcmd_x 2>/dev/null
echo no
### set -e and a last and in a function
set -e
f() { [ 1 = 2 ] && echo no; }
f
echo reached
### set -e inherits into a script
set -e
echo 'false; echo fine' > s
$SH s
echo end
### set -u
set -u
echo a
echo $undefined
echo no
### set -u and defaults
set -u
echo ${a-x} ${b:-y} ${c+z}.
### set -x
set -x
echo a "b c" 'd'
x=1
x=2 true
f() { echo in; }
f arg
### set -x with quotes
set -x
echo "it's" '"' '$x' '' 'a*b'
### set -x with compounds
set -x
if true; then :; fi
for i in a b; do echo $i; done
case a in a) echo c;; esac
[ 1 = 1 ]
### set -x with substitutions and redirections
set -x
x=$(echo sub)
echo $x > /dev/null
echo a | cat
### set -x with PS4
PS4='trace: '
set -x
echo a
set +x
echo b
### set -x in a subshell
(set -x; echo a); echo b
### set -f
mkdir d; cd d; touch a b
set -f; echo *; set +f; echo *
### set -n
echo before
set -n
echo no
### set -a
set -a; x=1; $SH -c 'echo $x'; set +a; y=2; $SH -c 'echo [$y]'
### set -v
set -v
echo a
x=1
set +v
echo b
### set -- 
set -- a b; echo $# $1; set --; echo $#; set -- -x; echo $1
### set with operands
set a b c; echo $3; set -e x y; echo $1 $-  | sed 's/ .*e.*/ has e/'
### set with a bad option
set -Z
echo after $?
### set -o with a bad name
set -o nosuch
echo after $?
### set -o shows
set -o | grep -E '^(errexit|noglob) ' | tr -s ' \t' ' '
### set +o gives commands
set -e; set +o | grep errexit; set +e
### combined options
set -eu
echo ${x-ok}
echo $x
echo no
### options on the command line
echo 'echo $-; false; echo no' > s
$SH -e s | grep -c e; $SH -c 'echo $x' ; $SH -uc 'echo $nope'; echo $?
### options of sh -c
$SH -c 'echo $0 $1 $#' name arg; $SH -c 'echo $0' | sed 's/.*/has a name/'
### sh -s
echo 'echo $1 $2' | $SH -s a b
### sh -x
$SH -xc 'echo a' 2>&1
### sh with a missing script
$SH nosuchfile 2>/dev/null; echo $?
### sh -c without an argument
$SH -c 2>/dev/null; echo $?
### sh with a bad option
$SH -Z 2>/dev/null; echo $?
### set -o ignoreeof and others are accepted
set -o noglob; set -o nounset; set +o nounset; set -o allexport; set +o allexport; echo ok *
### set lists variables
aaa_x='q r'; set | grep '^aaa_x'
### plus e within a function
set -e
f() { set +e; false; echo in; }
f
false
echo out
