### command substitution
echo $(echo a) "$(echo b  c)" `echo d`
### trailing newlines go, inner stay
x=$(printf 'a\nb\n\n\n')
echo "[$x]" [$x]
### only newlines
x=$(printf '\n\n'); echo "[$x]"
### nested
echo $(echo $(echo $(echo deep)))
echo `echo \`echo two\``
### backquotes and backslashes
x=v
echo `echo \$x` `echo '\$x'` "`echo \"q\"`" `echo a\\\\b`
### status of an assignment
x=$(exit 3); echo $?
x=$(true); echo $?
x=a; echo $?
### status is that of the last substitution
x=$(exit 2)$(exit 5); echo $?
### status of a command with substitutions is the command's
echo $(exit 3); echo $?
### empty command with failing substitution
$(exit 4); echo $?
$(true); echo $?
### substitution gives the command
$(echo echo) hi
c='echo two words'; $c
### a subshell: variables don't leak
x=1; y=$(x=2; echo $x); echo $x $y
### exit in a substitution
x=$(echo a; exit 7; echo b); echo $x $?
### parenthesis in strings and comments inside
echo $(echo ")" ; echo '(' # comment with )
echo c)
### case inside a substitution
echo $(case a in (a) echo yes;; esac)
echo $(case b in a) echo no;; b) echo b;; esac)
### here-document inside a substitution
x=$(cat <<EOF
a $((1+1))
EOF
)
echo "$x"
### subshell at the start of a substitution
echo $( (echo a; echo b) | cat)
### substitution splits by IFS
IFS=:; x=$(echo a:b:c); set -- $(echo x:y); echo $# "$x"
### substitution in double quotes isn't split or globbed
mkdir d; cd d; touch f1 f2
echo "$(echo '*')" $(echo '*')
### substitution output with special characters
echo "$(printf 'a\\b $HOME `x` "q"')"
### stderr is not captured
x=$(echo out; echo err >&2); echo "got $x"
x=$(echo err 2>&1 >&2); echo "got $x"
### reading a file
echo content > f
echo $(cat f) $(cat < f)
### file shorthand [bash]
echo content > f
echo $(<f)
### the last command's status in a substitution
false; echo $(echo $?)
### set options go in
set -f; echo $(echo *); set +f
### functions are visible inside
f() { echo from f $1; }
echo "$(f x)"
### errors inside keep the script going
x=$(nosuchcommand 2>/dev/null); echo $?
### a syntax error inside
echo before
x=$(echo a; fi)
echo after
### unterminated substitution
echo $(echo a
echo b
### unterminated backquote
echo `echo a
### process substitution [bash]
cat <(echo a) <(echo b)
### while loop inside
x=$(i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done)
echo $x
### pipe inside with status
x=$(echo a | grep b); echo "[$x] $?"
### multi-line substitution
echo $(
  echo one
  echo two
)
### arithmetic in substitution in arithmetic
echo $(( $(echo 2) * $(echo 3) + `echo 1` ))
### carriage: nul bytes and empty
x=$(printf ''); echo "[$x]"
### exec inside a substitution
x=$(exec echo hi; echo no); echo $x
### dollar-paren in a here-document
cat <<EOF
$(echo "a  b")
`echo c`
EOF
### files that are processes [bash]
diff <(printf '1\n2\n') <(printf '1\n3\n'); echo $?; while read -r l; do n=$((n+1)); done < <(printf 'a\nb\nc\n'); echo $n; cat < <(echo in); f() { cat "$1" "$2"; }; f <(echo one) <(echo two); echo data | tee >(sed s/^/got:/ > out) > /dev/null; sleep 0.2; cat out; mapfile -t l < <(seq 3); echo ${l[2]}
### process substitution in ash and not in dash [dash ash]
cat <(echo a)
