### definition and call
f() { echo "f $# $1"; }
f a b
f
### arguments are restored
f() { echo "$@"; }
set -- x y; f 1 2; echo "$@"
### return
f() { return 3; echo no; }; f; echo $?
g() { false; return; }; g; echo $?
h() { true; }; h; echo $?
### return in a loop
f() { for i in 1 2 3; do [ $i = 2 ] && return 5; echo $i; done; }; f; echo $?
### status is the last command's
f() { false; }; f; echo $?
f() { :; }; f; echo $?
### local
f() { local x=in y; y=$x; echo $x $y; }
x=out; y=outy; f; echo $x $y
### local without a value
x=1
f() { local x; echo "[${x-unset}]"; x=2; }
f; echo $x
### local is dynamic
f() { local v=f; g; }; g() { echo $v; v=changed; echo $v; }
v=global; f; echo $v
### local of several
f() { local a=1 b="x y" c; echo "$a$b$c"; }; f
### local with a split value [ash bash]
v='x y'
f() { local a=$v; echo "$a"; }; f
### local with a split value in dash [dash]
v='x b=2'
f() { local a=$v; echo "$a $b"; }; f
### local outside a function
local x=1
echo after $?
### local status of a substitution
f() { local x=$(false); echo $?; }; f
f() { local x; x=$(false); echo $?; }; f
### recursion
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1-1))))); fi; }
fact 10
### recursion with local
count() { local n=$1; [ $n -eq 0 ] && return; count $((n-1)); echo $n; }
count 3
### redefinition
f() { echo 1; }; f; f() { echo 2; }; f
### a function may have any compound body
f() (x=sub; exit 4); x=1; f; echo $? $x
g() if true; then echo g; fi; g
h() for i in a b; do echo $i; done; h
### redirections on the definition
f() { echo to file; } > out; f; cat out
### functions and builtins
echo() { printf 'mine: %s\n' "$*"; }; echo hi; command echo hi; unset -f echo; echo hi
### functions before programs
cat() { printf 'my cat\n'; }; cat /dev/null; unset -f cat
### special builtins before functions [dash ash]
shift() { echo mine; }
echo $?
### unset -f
f() { :; }; unset -f f; f 2>/dev/null; echo $?
### body on the next line
f()
{
  echo next line
}
f
### arguments with spaces
f() { for a in "$@"; do echo "<$a>"; done; }; f "a b" '' c
### shift in a function
f() { shift; echo $1 $#; }; f a b c
### set in a function
f() { set -- x y; echo $#; }; set -- 1; f; echo $#
### a function sees and changes globals
f() { g=changed; }; g=1; f; echo $g
### functions in subshells and substitutions
f() { echo f; }; (f); echo $(f); f | cat
### a subshell's function stays there
(f() { echo f; }; f); f 2>/dev/null || echo $?
### exit from a function
f() { echo in; exit 6; }; f; echo no
### exit in a function in a substitution
f() { exit 6; }; x=$(f); echo $?
### nested definitions
outer() { inner() { echo inner; }; }
inner 2>/dev/null || echo none; outer; inner
### name with unusual characters [ash bash]
my-func() { echo dashed; }; my-func
### name with unusual characters in dash [dash]
my-func() { echo dashed; }; my-func
### return outside [dash ash]
return 3
echo no
### return outside in bash [bash]
return 3
echo after $?
### return value range
f() { return 256; }; f; echo $?
g() { return 255; }; g; echo $?
### bad return
f() { return abc; }
f
echo after $?
### dollar zero in a function
f() { echo $0; }; f
### FUNCNAME [bash]
f() { echo $FUNCNAME; }; f
### positional in a pipeline
f() { echo "$1" | cat; }; f piped
### IFS local
f() { local IFS=,; set -- a,b; echo $*; v=x,y; set -- $v; echo $#; }; f; v=x,y; set -- $v; echo $#
### local -
f() { echo $# "$*"; }; f -- -a
### unset of a local
x=global
f() { local x=1; unset x; echo "[${x-unset}]"; }; f; echo $x
### readonly local [bash]
f() { local -r x=1; x=2; echo no; }; f; echo $?
### error in a function ends the script
f() { ${nope:?no}; }
f
echo no
