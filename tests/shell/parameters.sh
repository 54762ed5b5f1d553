### use default
unset x; e=; s=set
echo ${x-d} ${x:-d} [${e-d}] ${e:-d} ${s-d} ${s:-d}
### assign default
unset x; e=
echo ${x=1} $x ${e=2} [$e] ${e:=3} $e
### alternative
unset x; e=; s=v
echo [${x+a}] [${x:+a}] [${e+a}] [${e:+a}] [${s+a}] [${s:+a}]
### error if unset
(echo ${x?}) ; echo $?
(echo ${x?my message}); echo $?
### error if null
e=
(echo ${e:?}); echo $?
(echo ${e:?is empty}); echo $?
echo ${e?fine}.
### an error expansion ends a script
echo a
echo ${nope:?must be set}
echo b
### length
x=hello; e=
echo ${#x} ${#e} ${#nope} ${#}
set -- a bb ccc
echo $# ${#1} ${#3} ${#@}
### length of ten positional parameters
set -- 1 2 3 4 5 6 7 8 9 ten 11
echo $1 ${10} $10 ${11} ${#10}
### remove suffix
f=/usr/local/archive.tar.gz
echo ${f%.*} ${f%%.*} ${f%/*} ${f%%/*}. ${f%nomatch}
### remove prefix
f=/usr/local/archive.tar.gz
echo ${f#*/} ${f##*/} ${f#*.} ${f##*.} ${f#nomatch}
### trim with a variable pattern
x=abcabc; p='b*'
echo ${x%$p} ${x%%$p} ${x%"$p"} ${x#a$p}
### trim with a class
x=file123
echo ${x%%[0-9]*} ${x%[0-9]} ${x##*[!0-9]} ${x#[a-f]}
### trim with quoted glob characters
x='a*b*c'
echo "${x%'*'*}" "${x#*\*}" "${x##*"*"}"
### trim the whole value
x=abc
echo "[${x#*}]" "[${x##*}]" "[${x%%*}]" "[${x%abc}]"
### trim of slashes and braces
x='a}b/c'
echo ${x%\}*} ${x#*/}
### nested trims
p=/a/b/c.txt
echo ${p##*/} $(b=${p##*/}; echo ${b%.txt})
### chained defaults
unset a b
echo ${a:-${b:-${c:-last}}}
### default with a command substitution
echo ${x:-$(echo computed)} ${y:=`echo back`} $y
### default with arithmetic
echo ${x:-$((1+2))}
### side effects only when used
x=set
echo ${x:-$(echo no >&2)} ${y+$(echo no >&2)}
### default containing spaces is split
for i in ${x:-a b c}; do echo "<$i>"; done
for i in "${x:-a b c}"; do echo "<$i>"; done
### assignment of positional fails
echo ${1:=x}
echo after
### special parameters in braces
set -- a b
echo ${#} ${@} ${*} ${?} ${1}${2}
false; echo ${?}
### unset and empty are different under set -u
set -u
e=
echo "[$e]" "[${x-}]" "[${x:-d}]" "[${x+y}]"
echo "$x"
echo no
### set -u in a subshell
set -u
(echo $nope; echo no); echo $?
echo ok
### set -u with positional
set -u
set -- a
echo $1
echo $2
### set -u allows at and star
set -u
set --
echo "$@" "$*" $#
### set -u with length
set -u
echo ${#nope}
echo after
### bad substitution
echo a
echo ${x y}
echo b
### bad substitution with a bad name
echo ${1a}
echo after
### unterminated brace
echo ${x
echo after
### name ends where it must
x=1 xy=2
echo $x-$xy-${x}y $x.y "$x"y $x\y
### digits after dollar take one
set -- a
echo $1b ${1}b $10
### assignment is not split or globbed
mkdir d; cd d; touch 1 2
x=*; y='a  b'; z=$y
echo "$x" "$z"
### assignments from left to right
a=1 b=$a c=$b$a
echo $a $b $c
### assignment before a command is for it alone
x=out
x=in sh -c 'echo $x'; echo $x
### assignment before a special builtin stays [dash ash]
x=1
x=2 :
echo $x
### assignment before a regular builtin is gone
x=1
x=2 true
echo $x
### assignment before a function
f() { echo in $x; }
x=1
x=2 f
echo out $x
### exported and not
a=1; export b=2; c=3; export c
sh -c 'echo [$a] [$b] [$c]'
### unset
x=1; unset x; echo ${x-gone}
f() { echo f; }; unset -f f; f 2>/dev/null || echo $?
unset never; echo $?
### readonly
readonly r=1
echo $r
(r=2; echo no); echo $?
unset r; echo $?
echo after
### readonly ends the script
readonly r=1
r=2
echo no
### readonly listing
readonly aa=1 bb='x y'
readonly | grep -E ' (aa|bb)='
### readonly listing in ash [ash]
readonly aa=1
readonly -p | grep aa
### export listing
export ZZ="a b" YY=it\'s
export -p | grep -E ' (ZZ|YY)='
### substring [ash bash]
x=0123456789
echo ${x:3} ${x:3:2} ${x: -3} ${x:(-4):2} ${x:2:-2} [${x:20}] ${x:0:1}
### substring with expressions [ash bash]
x=abcdef n=2
echo ${x:n} ${x:$n:n+1} ${x:n*2}
### replace [ash bash]
x=a.b.c
echo ${x/./-} ${x//./-} ${x/b} ${x//[a-b]/X} ${x/z/y}
### replace at the ends [bash]
x=abcabc
echo ${x/#a/X} ${x/%c/Y} ${x/#b/X}
### replace with expansions [ash bash]
x=/a/b/c s=/ r=:
echo ${x//\//_} ${x//$s/$r} "${x/$s/$s$s}"
### replace with nothing [ash bash]
x='a b c'
echo "${x// }" "${x// /}"
### case modification [bash]
x=hello y=WORLD
echo ${x^} ${x^^} ${y,} ${y,,}
### indirection [bash]
a=b; b=value
echo ${!a}
### substring is bad in dash [dash]
x=abc
echo ${x:1}
echo after
### replace is bad in dash [dash]
x=abc
echo ${x/a/b}
echo after
### plus-equals [bash]
x=a; x+=b; x+=' c'; echo "$x"
### substring of positional parameters [bash]
set -- a b c d
echo ${@:2} - ${@:2:2} - ${*:3}
### process id parameters
[ "$$" = "$(echo $$)" ] && echo same
[ -n "$PPID" ] && echo ppid
( [ "$$" -gt 0 ] && echo number )
### last background pid
: & 
wait $!; echo $?
[ -n "$!" ] && echo set
### the zeroth
echo $0 "${0##*/}"
### flags
set -f; case $- in *f*) echo f;; esac; set +f; case $- in *f*) echo still;; *) echo gone;; esac
### underscores and digits in names
_a=1 a_1=2 A9_=3
echo $_a $a_1 $A9_
### not an assignment
1x=2 2>/dev/null || echo $?
a-b=3 2>/dev/null || echo $?
### multibyte length [bash]
x=äöü€
echo ${#x}
