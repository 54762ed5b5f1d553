### splitting by blanks
x='  a   b  '; set -- $x; echo $# "$1" "$2"
### splitting by colons
IFS=:; x=a:b::c; set -- $x; echo $# "[$3]"; x=:a; set -- $x; echo $# "[$1]"; x=a:; set -- $x; echo $#
### splitting by mixed separators
IFS=' ,'; x='a , b,c ,,d'; set -- $x; echo $#; for i; do echo "[$i]"; done
### empty IFS splits nothing
IFS=; x='a b'; set -- $x; echo $# "$1"
### unset IFS splits by blanks
unset IFS; x='a b	c
d'; set -- $x; echo $#
### newline only
IFS='
'; x='a b
c d'; set -- $x; echo $# "$1"
### literal text isn't split
IFS=x; set -- axb; echo $# $1; v=axb; set -- $v; echo $# $1 $2
### splitting joins neighbours
IFS=' '; v='b c'; set -- a$v"d e"; echo $#; printf '<%s>' "$@"; echo
### splitting at the edges joins neighbours
v=' b '; set -- a${v}c; echo $#; printf '<%s>' "$@"; echo
### splitting of positional parameters
set -- 'a b' 'c d'; set -- $@; echo $#; set -- 'a b' ''; set -- $*; echo $#
### splitting happens once
x='$y'; y='a b'; set -- $x; echo "$1"
### splitting of arithmetic
IFS=0; set -- $((101)); echo $#
### IFS in star
set -- a b c; IFS=-; echo "$*"; x="$*"; echo "$x"; IFS=; echo "$*"
### IFS in unquoted star
set -- a b; IFS=-; echo $*
### globbing
mkdir d; cd d; touch a.txt b.txt c.log .hidden
echo *; echo *.txt; echo ?.log; echo [ab].txt; echo [!a].txt; echo *.none
### globbing hidden files
mkdir d; cd d; touch .a .b c; echo *; echo .[ab]; echo .a*
### globbing across directories
mkdir -p d/x/1 d/y/2; cd d; touch x/1/f y/2/f; echo */*/f; echo */; echo x/*; echo ./*
### globbing absolute
echo /et[c]; echo /de*/nul[l]
### globbing with classes
mkdir d; cd d; touch a1 b2 C3 _; echo [[:alpha:]]*; echo *[[:digit:]]; echo [a-c]*; echo [!a-z]*
### globbing of quoted characters
mkdir d; cd d; touch 'a*b' axb 'x y'; echo a\*b; echo "a*b"; echo a*b; for i in x*; do echo "<$i>"; done
### globbing of expansions
mkdir d; cd d; touch a b; x='*'; echo $x "$x"; y=[ab]; echo $y; set -- *; echo $#
### globbing of substitutions
mkdir d; cd d; touch a b; echo $(echo '*') "$(echo '*')"
### no globbing in assignments and case
mkdir d; cd d; touch a; x=*; echo "$x"; case '*' in "*") echo literal;; esac
### order of globbing
mkdir d; cd d; touch b a c B A 1; LC_ALL=C; echo *
### brackets that don't close
mkdir d; cd d; touch '[a' a; echo [a; echo [a]; echo \[a
### bracket with a bracket
mkdir d; cd d; touch ']' a; echo []]; echo [!]]
### slash must match literally
mkdir -p d/e; cd d; touch e/f; echo e?f; echo e*f; echo e/*
### dangling links match
mkdir d; cd d; ln -s nowhere l; echo *
### for over files with blanks
mkdir d; cd d; touch 'one two' three; for f in *; do echo "<$f>"; done
### braces [bash]
echo {a,b,c} x{1,2}y {1..5} {5..1} {a..e} {01..03} {1..10..3} {a,b}{1,2} {a} {} a{b "{a,b}" pre{,-suf}
### braces are literal [dash ash]
echo {a,b} {1..3} a{b
### tilde of a user
echo ~root ~nosuchuser_x
### positional parameters beyond
set -- a b; echo "$3" ${3-none} $#
### at in defaults
set --; echo "${@:-none}"; set -- a 'b c'; for i in "${@:-x}"; do echo "<$i>"; done
### plus with at
set -- 'a b' c; for i in ${1+"$@"}; do echo "<$i>"; done; set --; for i in ${1+"$@"}; do echo no; done
### shift through
set -- a b c; while [ $# -gt 0 ]; do echo "$1 of $#"; shift; done
### a word that expands to nothing
set -- $nope $nope; echo $#; $nope echo runs anyway; "$nope" 2>/dev/null; echo $?
### command name from an expansion
c=echo; $c hi; c='echo a'; $c b; c='nope x'; $c 2>/dev/null; echo $?
### quotes from expansion aren't syntax
x='echo "a b"'; $x
### semicolons from expansion aren't syntax
x='a; echo b'; echo $x
### assignment from expansion is a command
x='y=1'; $x 2>/dev/null; echo $? [$y]
### extglob [bash]
shopt -s extglob
x=foobar; case $x in foo@(bar|baz)) echo at;; esac; echo ${x%%+(r)}
### nested parameter in pattern
set -- /a/b/c; p=${1%/*}; echo ${1#"$p"/}
### length in context
x=12345; [ ${#x} -eq 5 ] && echo five
### trims on positional parameters [bash]
set -- a.txt b.txt; echo ${@%.txt} "${@/txt/md}"
### trims on star in dash [dash ash]
set -- a.txt; echo ${1%.txt}
### extended patterns [bash]
shopt -s extglob
touch a.txt b.md c.txt abc; echo !(*.txt) @(a|b).* +([a-c]) ?(x)abc *(a|b|c)
x=aaabbb; echo ${x##+(a)} ${x%%+(b)} ${x/+(a)/-} ${x//@(a|b)/.} ${x#*(a)b}; y='  trim me  '; y=${y##+( )}; echo "[${y%%+( )}]"
case yes in @(y|yes|Y)) echo affirmative;; !(n)) echo other;; esac
case file.tar.gz in *.@(tar.gz|tgz)) echo archive;; esac; case 12a in +([0-9])) echo number;; *) echo text;; esac
### extended patterns only in double brackets [bash]
[[ foobar == foo@(bar|baz) ]]; echo $?; [[ foo == !(bar) ]]; echo $?; [[ ab12 == +([a-z])+([0-9]) ]]; echo $?; [[ x == @("x"|y) ]]; echo $?; x='@(a|b)'; [[ a == $x ]]; echo $?
### extended patterns switched off [bash]
echo @(a|b)
