### command not found
nosuchcmd_x
echo $?
### command not found with a slash
./nosuch
echo $?
/no/such/dir/cmd
echo $?
### a directory as a command
mkdir d
./d
echo $?
/
echo $?
### not executable
echo 'echo hi' > s; chmod 644 s
./s
echo $?
### a script without a shebang
echo 'echo script $1' > s; chmod 755 s; ./s arg; echo $?
### a script with a shebang
printf '#!/bin/sh\necho shebang $1\nexit 3\n' > s; chmod 755 s; ./s arg; echo $?
### a missing interpreter
printf '#!/no/such/interp\necho hi\n' > s; chmod 755 s; ./s 2>/dev/null; echo $?
### the empty command
""
echo $?
### not found in a pipeline
nosuchcmd_x | cat; echo $?
cat /dev/null | nosuchcmd_x; echo $?
### not found in a subshell and substitution
(nosuchcmd_x); echo $?
x=$(nosuchcmd_x); echo $? "[$x]"
### not found in the background
nosuchcmd_x & wait $!; echo $?
### not found on line three
true

nosuchcmd_x
### not found in a function
f() {
  nosuchcmd_x
}
f
### not found in a substitution's line
echo a
x=$(
nosuchcmd_x
)
### not found in eval
eval 'nosuchcmd_x'; eval '

nosuchcmd_x'
### not found in sh -c
$SH -c 'nosuchcmd_x' 2>&1 | sed 's/.*nosuch/nosuch/'
### PATH is used
mkdir bin; printf '#!/bin/sh\necho mine\n' > bin/mycmd; chmod 755 bin/mycmd; PATH=$PWD/bin:$PATH; mycmd
### PATH empty
p=$PATH; PATH=; ls 2>/dev/null; echo $?; PATH=$p; ls > /dev/null; echo $?
### unexpected fi
echo before
fi
echo after
### unexpected done
done
### unexpected then
then
### unexpected esac
esac
### unexpected else
if true; then echo a; else; else echo b; fi
### unexpected parenthesis
echo a
)
### unexpected brace
}
### unexpected semicolon
;
### double semicolon
echo a;; echo b
### unexpected ampersand
& echo
### unexpected and
&& echo
### unexpected or
echo a || || echo b
### unexpected pipe
| cat
### pipe to nothing
echo a | ; echo
### missing then
if true; echo a; fi
### missing fi
if true; then echo a
### missing done
while true; do echo a
### missing do
for i in 1 2; echo $i; done
### missing esac
case a in a) echo a;;
### missing in
case a b) echo;; esac
### missing closing parenthesis
(echo a
### missing closing brace
{ echo a
### empty subshell
()
### empty group
{ }
### empty then
if true; then fi
### empty do
for i in 1; do done
### empty condition
while do :; done
### bad for name
for 1x in a; do :; done
### bad function
f( { echo; }
### bad function name
1f() { echo one; }
1f
### function without a body
f()
### word after a function's parenthesis
f() echo
### redirection without a target
echo >
### redirection to an operator
echo > ; echo
### bad redirection operator
echo a <> 
### parenthesis after a word
echo a (b)
### unexpected in
in
### reserved words as arguments
echo if then else fi do done case esac for while until in { } !
### quote errors on later lines
echo a
echo 'b
c
### syntax error after output
echo one
echo two
if then
### syntax error in a function isn't run
f() { if; }
echo no
### syntax error within a loop
for i in 1 2; do
  echo $i
  fi
done
### syntax error in sh -c
$SH -c 'if' 2>/dev/null; echo $?; $SH -c 'fi' 2>/dev/null; echo $?; $SH -c 'echo "' 2>/dev/null; echo $?
### syntax error from stdin
printf 'echo a\nfi\necho b\n' | $SH 2>/dev/null; echo $?
### status two from a script file
printf 'echo a\n)\n' > s; $SH s 2>/dev/null; echo $?
### carriage returns
printf 'echo a\r\n' > s; $SH s | od -c | head -n 1
### null command lines

   

echo ok


### only a comment
# nothing
### a script without a final newline
printf 'echo no newline' > s; $SH s
### continuation at the end
echo a \
### status of an empty script
: > s; false; $SH s; echo $?
### numbers as status
$SH -c 'exit 300'; echo $?; $SH -c 'exit -1' 2>/dev/null; echo $?
### signals in status
{ $SH -c 'kill -9 $$'; } 2>/dev/null; echo $?
### message of a killed program [dash ash]
$SH -c 'kill -TERM $$'
echo $?
### argument list and env
x=1 y=2 env | grep -E '^[xy]=' | sort
### a missing file argument
cat nosuchfile; echo $?
### reading a directory
cat / 2>/dev/null; echo $?
### read-only file system words
echo x > /proc/nope 2>/dev/null || echo failed
### too deep recursion is bounded
f() { [ $1 -gt 200 ] && return; f $(($1+1)); }; f 0; echo ok
### bang in the middle
echo ! a; true && ! false && echo yes
### double bang
! ! true; echo $?
### variable as keyword
x=if; $x 2>/dev/null; echo $?
### unclosed test
[ 1 = 1; echo $?
### case without words [dash ash]
case in a) :;; esac
### line numbers
echo $LINENO
echo \
 $LINENO
f() {
  echo $LINENO
}
f
### line number in messages after a heredoc
cat <<EOF
a
b
EOF
nosuchcmd_x
### line number in messages in a loop
for i in 1; do
  :
  nosuchcmd_x
done
### line number in messages after a continuation
echo a \
  b
nosuchcmd_x
### line number in messages of builtins
:
cd /nope
### line number of a failed redirection
:
cat < nope
### an open substitution over lines [bash]
echo x
echo $(
echo hi

