### subshell keeps its changes
x=1; (x=2; cd /; echo $x); echo $x
(exit 9); echo $?
### group changes the shell
x=1; { x=2; }; echo $x
### group with redirection
{ echo a; echo b; } > f; cat f
### subshell with redirections
(cat; echo end) < /dev/null > f; cat f
### nested subshells
(echo a; (echo b; (echo c; exit 3); echo $?); echo d)
### braces need blanks and an end
{ echo a; }
{echo a; } 2>/dev/null
### if
if true; then echo yes; fi
if false; then echo no; else echo else; fi
if false; then echo a; elif true; then echo b; else echo c; fi
if false; then echo; fi; echo $?
### if condition is a list
if false; true; then echo last counts; fi
### if status
if true; then (exit 4); fi; echo $?
if (exit 5); then :; else echo $?; fi
### nested if
if true; then if false; then echo a; else echo b; fi; fi
### if over many lines
if
  test 1 = 1
then
  echo one
elif
  false
then
  :
else
  :
fi
### for
for i in a "b c" d; do echo "<$i>"; done
for i in; do echo never; done; echo $?
### for without in
set -- x "y z"
for i; do echo "<$i>"; done
for i do echo "$i"; done
### for keeps its variable
for i in 1 2 3; do :; done; echo $i
### for with expansions
x="a b"; for i in $x "$x" $(echo c d); do echo $i; done
### for with newline before in
for i
in a b
do
  echo $i
done
### for over globs
mkdir d; cd d; touch x.txt y.txt z.log
for f in *.txt *.none; do echo $f; done
### for status
for i in 1 2; do (exit $i); done; echo $?
### while and until
i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done
until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i
### while status
while false; do :; done; echo $?
i=0; while [ $i -lt 1 ]; do i=1; (exit 7); done; echo $?
### break and continue
for i in 1 2 3 4 5; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done; echo end $i
### break with levels
for i in 1 2; do for j in a b; do echo $i$j; [ $j = a ] && break 2; done; done; echo out
for i in 1 2; do for j in a b; do [ $j = a ] && continue 2; echo no; done; done; echo $i
### break too deep
for i in 1 2; do echo $i; break 99; done; echo ok
### break status
while true; do false; break; done; echo $?
### break outside a loop
break
echo after $?
### break in a function called from a loop [dash bash]
f() { break; }
for i in 1 2; do f; echo $i; done
### break in a subshell
for i in 1 2; do (break); echo $i; done
### loops with redirections
while read a b; do echo "$b $a"; done <<EOF
1 one
2 two
EOF
for i in 3 1 2; do echo $i; done | sort > f; cat f
### a loop reads a file with other descriptors
printf 'a\nb\n' > f
while read l <&3; do echo "line $l"; done 3< f
### while true with break
n=0
while true; do
  n=$((n+1))
  if [ $n -ge 3 ]; then break; fi
done
echo $n
### while with pipeline in condition
n=0
while echo $n | grep -qv 3; do n=$((n+1)); done
echo $n
### case
for w in a b abc "" '*' 5; do
  case $w in
    a) echo one ;;
    b|c) echo two ;;
    a*) echo starts with a ;;
    "") echo empty ;;
    '*') echo star ;;
    [0-9]) echo digit ;;
    *) echo other ;;
  esac
done
### case with leading parenthesis
case x in (x) echo a;; (y) echo b;; esac
### case without a match
false; case x in y) echo;; esac; echo $?
### case with an empty body
case x in x) ;; esac; echo $?
### case last clause without semicolons
case x in x) echo a
esac
### case with expansions in patterns
p='a*'; w=abc
case $w in $p) echo glob;; esac
case $w in "$p") echo literal;; *) echo no;; esac
case 'a*' in "$p") echo literal;; esac
### case on command substitution
case $(echo "a b") in "a b") echo yes;; esac
### case status
case x in x) (exit 3);; esac; echo $?
### case with classes
for c in a Z 5 _ ' '; do
  case $c in [[:lower:]]) echo lower;; [[:upper:]]) echo upper;; [[:digit:]]) echo digit;; [[:space:]]) echo space;; *) echo other;; esac
done
### case with negated class
case b in [!a]) echo not a;; esac
case a in [!a]) echo wrong;; *) echo a;; esac
### case with quoted part
x='*'
case 'a*c' in a"$x"c) echo literal;; esac
case abc in a"$x"c) echo wrong;; a${x}c) echo glob;; esac
### case fall-through [bash]
case a in a) echo a;& b) echo b;; c) echo c;; esac
case a in a) echo a;;& b) echo b;; [a-c]) echo again;; esac
### case reserved words as words
case if in if) echo if;; esac
for in in in; do echo $in; done
### select-like menus by case in loops
for arg in start stop status bogus; do
  case "$arg" in
    start|restart) echo "starting" ;;
    stop) echo "stopping" ;;
    stat*) echo "running" ;;
    *) echo "usage: $0 {start|stop}" ;;
  esac
done
### nothing but a redirection
> f; echo $?; cat f
### no command between
true; ; echo no
### compound commands in and-or
if true; then false; fi || echo failed
for i in 1; do false; done || echo loop failed
while false; do :; done && echo ok
### compound command in the background
for i in 1 2; do echo $i; done & wait
### while read with last line without newline
printf 'a\nb' | while read l || [ -n "$l" ]; do echo "<$l>"; done
### exit in a loop in a subshell
(for i in 1 2 3; do echo $i; [ $i = 2 ] && exit 5; done); echo $?
### function keyword [ash bash]
function f { echo f $1; }
f a
function g() { echo g; }
g
### select is reserved [bash]
printf '1\n' | { select x in a b; do echo "got $x"; break; done; } 2>/dev/null
### select [bash]
PS3='choose: '; printf '2\n\n9\nquit\n1\n' | { select x in alpha "b c" gamma; do echo "[$x] $REPLY"; [ "$x" = alpha ] && break; done; echo "end $x"; }
### select in columns [bash]
COLUMNS=40; echo 12 | { select x in a bb ccc dddd eeeee ffffff ggggggg h i j k l m n o p q; do echo $x; break; done; }; set -- p q; echo 2 | { select y; do echo $y; break; done; }; select z in; do echo never; done; select w in a; do :; done </dev/null; echo $?
