### cd
mkdir -p a/b; cd a/b; echo ${PWD##*/}; cd ..; echo ${PWD##*/}; cd - >/dev/null; echo ${PWD##*/}
### cd prints with a dash
mkdir d; cd d; cd ..; cd - | sed 's,.*/,,'
### cd to nowhere
cd nope
echo after $?
### cd home
HOME=/; cd; pwd
### cd with CDPATH
mkdir -p base/sub; CDPATH=base; cd sub > /dev/null; echo ${PWD##*/base/}
### cd through a link
mkdir real; ln -s real link; cd link; echo ${PWD##*/}; pwd -P | sed 's,.*/,,'; cd -P . ; echo ${PWD##*/}
### cd dot-dot after a link
mkdir -p real/sub; ln -s real/sub link; cd link; cd ..; [ -d real ] && echo logical
### cd to a file
touch f; cd f; echo after $?
### cd without a home
unset HOME; cd; echo $?
### pwd
cd /; pwd; cd /usr/../tmp; pwd
### OLDPWD
cd /; cd /tmp; echo $OLDPWD
### shift
set -- a b c; shift; echo $*; shift 2; echo [$*]
### shift too many
set -- a
shift 2
echo after $? $#
### shift with a bad number
set -- a b
shift x
echo after $?
### shift zero
set -- a b; shift 0; echo $?; echo $*
### eval
x=1; eval 'x=2; echo $x'; echo $x
eval echo a '"b  c"'; eval; echo $?
### eval builds variables
for i in 1 2; do eval "v_$i=val$i"; done; eval echo \$v_1 \$v_2
### eval with a syntax error
eval 'fi'
echo after $?
### eval status
eval false; echo $?; eval 'exit 3'; echo no
### dot
echo 'y=sourced; echo in $y; return 4; echo no' > lib; . ./lib; echo $? $y
### dot with arguments [ash bash]
echo 'echo $1 $#' > lib; set -- orig; . ./lib a b; echo $1
### source [ash bash]
echo 'echo sourced' > lib; source ./lib
### dot of a missing file
. ./nope
echo after $?
### dot searches PATH
mkdir p; echo 'echo from path' > p/lib_x; PATH=$PWD/p:$PATH; . lib_x
### dot with exit
echo 'exit 5' > lib; . ./lib; echo no
### dot with a syntax error
echo 'if' > lib; . ./lib
echo after $?
### dot in a function with return
echo 'return 7' > lib; f() { . ./lib; echo in f $?; }; f
### dot sees and sets functions
echo 'g() { echo g $x; }' > lib; x=1; . ./lib; g
### exit codes
(exit); echo $?; (exit 0); echo $?; (exit 255); echo $?; (exit 256); echo $?; (false; exit); echo $?
### exit with a bad number
(exit abc); echo $?
### exec replaces
(exec echo replaced; echo no)
exec $SH -c 'exit 6'
### exec with a missing command
exec nosuchcmd_x
echo no
### exec of a missing command and the status
(exec nosuchcmd_x 2>/dev/null); echo $?; (exec ./nope 2>/dev/null); echo $?; (exec / 2>/dev/null); echo $?
### exec with only redirections
exec 2>&1; nosuchcmd_x | sed 's/^/p: /'; exec > f; echo hidden; exec >&2; cat f
### exec with an assignment
(x=1 exec $SH -c 'echo $x')
### export
export A=1 B="two words"; $SH -c 'echo $A $B'; export C; C=3; $SH -c 'echo $C'
### export of a bad name
export 1a=2
echo after $?
### export -n [ash bash]
export A=1; export -n A; $SH -c 'echo [$A]'
### export without splitting [ash bash]
v='a b'; export E=$v; echo "$E"
### export with splitting [dash]
v='a F=b'; export E=$v; echo "$E" $F
### unset variants
x=1; f() { :; }; unset x; unset -v y; unset -f f; echo ${x-none} $?
### unset of a bad name
unset 1a
echo after $?
### colon and true
: a b > f; echo $?; true; echo $?; false; echo $?
### type
type cd; type if; f() { :; }; type f 2>&1 | head -n 1
### type of a missing name
type nosuchcmd_x; echo $?
### type of several
type : nosuchcmd_x true; echo $?
### command -v
command -v cd; command -v if; f() { :; }; command -v f; command -v nosuchcmd_x; echo $?
### command -V
command -V cd; command -V while; command -V nosuchcmd_x; echo $?
### command skips functions
echo() { :; }; command echo direct; command -v echo
### command with a missing program
command nosuchcmd_x; echo $?
### command keeps special builtins from ending the script
command . ./nope 2>/dev/null; echo $?
command export 1a=2 2>/dev/null; echo went on
### command exec
(command exec echo hi; echo no)
### alias
alias ll='echo listing'
ll a
alias ll
unalias ll
ll 2>/dev/null || echo $?
### alias in bash scripts [bash]
shopt -s expand_aliases
alias hi='echo hello'
hi you
### alias with a trailing blank [dash ash]
alias run='eval ' e='echo x'
run e
### alias of an alias [dash ash]
alias a='b 1' b='echo b'
a 2
### alias that names itself [dash ash]
alias echo='echo prefix'
echo a
### alias starts on the next line [dash ash]
alias foo='echo foo'; foo 2>/dev/null || echo not yet
foo
### alias listing
alias b=2 a='x y'; alias
### alias of a missing name
alias nosuch
echo after $?
### unalias all
alias a=1 b=2; unalias -a; alias; echo none
### unalias of a missing name
unalias nosuch
echo after $?
### alias doesn't apply to quoted words [dash ash]
alias x='echo aliased'
\x 2>/dev/null || echo quoted
### alias for a keyword [dash ash]
alias iff='if true; then'
iff echo in; fi
### hash
hash; hash -r; echo $?
hash nosuchcmd_x
echo after $?
### umask
umask 022; umask; umask 077; umask; touch f; ls -l f | cut -c1-10; umask -S
### umask symbolic
umask 022; umask g=w; umask; umask u=rwx,g=rx,o=; umask -S; umask a+r; umask
### umask bad
umask 999
echo after $?
### ulimit
ulimit -c 0; ulimit -c; ulimit -n 64; ulimit -n; ulimit -Sn; (ulimit -n 32; ulimit -n); ulimit -n
### ulimit with a bad option
ulimit -Z 2>/dev/null; [ $? -ne 0 ] && echo bad
### times
times | wc -l | tr -d ' '
### getopts
set -- -a -b val -c rest
while getopts ab:c o; do echo "$o ${OPTARG-}"; done; echo $OPTIND; shift $((OPTIND-1)); echo $*
### getopts with clusters
set -- -abval -c; while getopts ab:c o; do echo "$o [$OPTARG]"; done
### getopts with an unknown option
set -- -x -a; while getopts a o; do echo "$o"; done; echo end
### getopts silent
set -- -x -b; while getopts :ab: o; do echo "$o $OPTARG"; done
### getopts with a missing argument
set -- -b; getopts b: o; echo $? $o
### getopts with double dash
set -- -a -- -b; while getopts ab o; do echo $o; done; echo $OPTIND
### getopts with explicit arguments
while getopts ab o -a -b x; do echo $o; done; echo $OPTIND
### getopts again
set -- -a; while getopts a o; do echo $o; done; OPTIND=1; while getopts a o; do echo again $o; done
### getopts in a function
f() { local OPTIND=1; while getopts n: o "$@"; do echo "$o=$OPTARG"; done; }; f -n 1; f -n 2
### getopts end status
set -- a; getopts a o; echo $? $o $OPTIND
### getopts usage
getopts
echo after $?
### local in eval
f() { eval 'local x=1'; echo $x; }; x=0; f; echo $x
### builtin [bash]
cd() { echo my cd; }; builtin cd /; pwd; cd
### declare [bash]
declare x=1; declare -x y=2; $SH -c 'echo $y'; declare -i n=3+4; echo $n; declare -r r=1; r=2; echo $?
### printf -v [bash]
printf -v x '%03d' 7; echo $x
### shopt [bash]
shopt -s nullglob; echo *.none end; shopt -u nullglob; echo *.none
### dirs of the stack [bash]
cd /; pushd /tmp > /dev/null; pwd; popd > /dev/null; pwd
### mapfile and arrays [bash]
a=(x "y z" w); echo ${a[1]} ${#a[@]} "${a[@]}"; a[5]=q; echo ${!a[@]}; a+=(n); echo ${a[@]: -1}; for i in "${a[@]}"; do echo "<$i>"; done
### associative arrays [bash]
declare -A m; m[a]=1; m[b]=2; echo ${m[a]} ${m[b]} ${#m[@]}
### echo in dash [dash]
echo 'a\tb\n'; echo -n x; echo; echo -e a; echo 'a\cb'; echo; echo '\0101'
### echo options [ash bash]
echo 'a\tb'; echo -e 'a\tb'; echo -n x; echo; echo -ne 'y\n'; echo -E 'a\tb'; echo -x; echo - a; echo -e 'a\cb'; echo; echo -e '\x41\0101'
### echo joins and empties
echo; echo ''; echo a  b; echo -- a; echo "-n"; echo .
### true with arguments
true a b; echo $?; false x; echo $?
### test on strings
[ a = a ]; echo $?; [ a != a ]; echo $?; [ -z "" ]; echo $?; [ -n "" ]; echo $?; [ x ]; echo $?; [ "" ]; echo $?; [ ]; echo $?
### test on numbers
[ 1 -eq 1 ]; echo $?; [ 1 -ne 1 ]; echo $?; [ 2 -gt 10 ]; echo $?; [ 2 -lt 10 ]; echo $?; [ 3 -ge 3 ]; echo $?; [ 3 -le 2 ]; echo $?; [ -5 -lt 0 ]; echo $?; [ ' 7 ' -eq 7 ]; echo $?
### test on files
touch f; mkdir d; ln -s f l; echo x > s
for t in '-e f' '-e no' '-f f' '-f d' '-d d' '-d f' '-L l' '-h f' '-s f' '-s s' '-r f' '-w f' '-x f' '-x d'; do [ $t ]; echo "$t $?"; done
### test combinations
[ a = a -a b = b ]; echo $?; [ a = b -o b = b ]; echo $?; [ ! a = b ]; echo $?; [ ! -e no ]; echo $?; [ \( a = a \) ]; echo $?; [ ! \( a = a -o x = y \) ]; echo $?
### test with odd words
[ -n ]; echo $?; [ ! ]; echo $?; [ = ]; echo $?; [ -f = -f ]; echo $?; [ ! = ! ]; echo $?; [ "(" = "(" ]; echo $?; [ -a = -a ]; echo $?
### test with a bad number
[ a -eq 1 ]; echo $?
[ 1 -eq 1x ]; echo $?
[ "" -eq 0 ]; echo $?
### test without a bracket
[ a = a
echo $?
### test with too many arguments
[ a b ]; echo $?
[ a b c ]; echo $?
[ a = b c ]; echo $?
### test with an unquoted empty variable
[ $nope = a ]; echo $?
[ -n $nope ]; echo $?
### test compares times
touch old; sleep 1.1; touch new; [ new -nt old ]; echo $?; [ old -nt new ]; echo $?; [ old -ot new ]; echo $?; [ old -ef old ]; echo $?
### test on terminals
[ -t 0 ]; echo $?; test -t 1; echo $?
### test strings by order
[ a \< b ]; echo $?; [ b \> a ]; echo $?; [ b \< a ]; echo $?
### double equals [ash bash]
[ a == a ]; echo $?; [ a == b ]; echo $?
### double equals in dash [dash]
[ a == a ]; echo $?
### double brackets [bash]
x='a b'; [[ $x = 'a b' ]]; echo $?; [[ $x == a* ]]; echo $?; [[ $x == "a*" ]]; echo $?; [[ -z $nope ]]; echo $?; [[ a < b ]]; echo $?; [[ 2 -lt 10 && 1 -eq 1 ]]; echo $?; [[ ! -e nope || -d / ]]; echo $?; [[ ( a = b || b = b ) && c = c ]]; echo $?
### double brackets in ash [ash]
x='a b'; [[ "$x" = 'a b' ]]; echo $?; [[ "$x" == "a*" ]]; echo $?; [[ -z "$nope" ]]; echo $?; [[ 2 -lt 10 ]]; echo $?; [[ a = a && b = b ]]; echo $?
### regular expressions [bash]
[[ abc123 =~ ^[a-z]+([0-9]+)$ ]]; echo $? ${BASH_REMATCH[1]}; [[ abc =~ x ]]; echo $?; re='^a'; [[ abc =~ $re ]]; echo $?
### double brackets are a command in dash [dash]
[[ a = a ]]; echo $?
### printf
printf '%s %s\n' a b c d; printf '%d %i\n' 5 -3; printf '%5d|%-5d|%05d\n' 42 42 42; printf '%x %X %o\n' 255 255 8
### printf strings
printf '%5s|%-5s|%.2s|%5.1s|\n' abc abc abc abc; printf '%c%c\n' hello world
### printf escapes
printf 'a\tb\\n\n\101\n'; printf '%s\n' 'a\tb'; printf '%b\n' 'a\tb' '\0101'; printf '%%\n'
### printf repeats its format
printf '<%s>' a b c; echo; printf 'none\n' a b; printf '[%s %s]\n' a b c
### printf without arguments
printf '[%s] [%d]\n'; printf ''; printf 'plain\n'
### printf floats
printf '%.2f %5.1f %e %g\n' 3.14159 2.55 12345.678 0.0001
### printf stars
printf '%*d|%-*s|%.*f\n' 5 42 6 ab 2 3.14159
### printf numbers in other bases
printf '%d %d %d\n' 0x10 010 "'A"
### printf with a bad number
printf '%d\n' abc; echo $?
printf '%d\n' 12x; echo $?
### printf with a bad format
printf 'a%y\n' 1; echo $?
### printf without anything
printf; echo $?
### printf stops at backslash c
printf '%b' 'a\cb' ; echo; printf 'a\n%bz\n' 'x\c'; echo
### printf flags
printf '%+d % d %#x %#o\n' 5 5 255 8; printf '%03d\n' 7
### printf options
printf -- '-%s-\n' a; printf '%s\n' -n
### printf quoting [bash]
printf '%q %q\n' 'a b' "it's"
### read
echo 'a b c' > f; read x < f; echo "[$x]"; read x y < f; echo "[$x][$y]"; read a b c d < f; echo "[$a][$b][$c][$d]"
### read trims blanks
printf '  a  b  \n' > f; read x < f; echo "[$x]"; read x y < f; echo "[$x][$y]"; IFS= read x < f; echo "[$x]"
### read backslashes
printf 'a\\tb\\\\c\\\nnext\n' > f; read x < f; echo "[$x]"; read -r x < f; echo "[$x]"
### read with IFS
echo 'a:b::c:' > f; IFS=: read x y z < f; echo "[$x][$y][$z]"; IFS=: read a b c d e < f; echo "[$a][$b][$c][$d][$e]"; IFS=: read x y < f; echo "[$x][$y]"
### read with a separator at the end
echo 'a:' > f; IFS=: read x < f; echo "[$x]"; IFS=: read x y < f; echo "[$x][$y]"; echo 'a:b:' > f; IFS=: read x y < f; echo "[$x][$y]"
### read with mixed separators
echo ' a , b ,c ' > f; IFS=' ,' read x y z < f; echo "[$x][$y][$z]"; IFS=, read x y < f; echo "[$x][$y]"
### read at the end
read x < /dev/null; echo $? "[$x]"; printf 'no newline' > f; read x < f; echo $? "[$x]"
### read line by line
printf '1\n2\n3\n' > f; while read n; do echo "line $n"; done < f
### read keeps its place
printf 'a\nb\nc\n' | { read x; read y; echo $y$x; cat; }
### read without a name [ash bash]
echo 'some line' > f; read < f; echo "[$REPLY]"
### read without a name in dash [dash]
echo x > f; read < f
echo after $?
### read into a bad name
echo x > f
read 1a < f
echo after $?
### read into a read-only variable
readonly r=1
echo x | (read r; echo no); echo $?
### read -p
echo in > f; read -p 'prompt> ' x < f; echo $x
### read -n and -d [bash]
printf 'abcdef\n' > f; read -n 3 x < f; echo $x; printf 'a;b' > f; read -d ';' x < f; echo $x
### read -n in ash [ash]
printf 'abcdef\n' > f; read -n 3 x < f; echo $x
### read -t [ash bash]
sleep 2 | { read -t 1 x; [ $? -gt 0 ] && echo timed out; }
### read with a bad option
read -Z x < /dev/null
echo after $?
### read unset IFS and tabs
printf 'a\tb c\n' > f; unset IFS; read x y < f; echo "[$x][$y]"
### read from a heredoc with continuation
read x <<EOF
one \
two
EOF
echo "$x"
### octal numbers in echo and %b
echo '\101 \7x \2 \8 \1234 \0101'; printf '%b\n' '\101' '\0101' '\8' '\1234'
### octal numbers in echo -e [ash bash]
echo -e '\101 \0101 \8'
### the list of signals
kill -l
kill -l 24; kill -l 31; kill -l SYS
### signals that few know [dash ash]
for s in XCPU XFSZ VTALRM PROF PWR SYS; do
  sleep 100 & kill -$s $!; wait $!; echo $?
done
sleep 100 & kill -URG $!; kill $!; wait $!; echo $?
