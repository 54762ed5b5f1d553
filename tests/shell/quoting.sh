### single quotes keep everything
x=1
echo 'a $x `b` \n "c"  d'
### double quotes expand but do not split
x='a   b'
echo "<$x>" "<"$x">"
### backslash outside quotes
echo a\ b \$x \\ \'q\' \"q\" \a\b\c
### backslash inside double quotes
x=val
printf '%s\n' "a\$x" "\"" "\\" "\`" "\a" "\ " "$x\
y"
### line continuation
echo one \
  two\
three
### adjacent quoted parts make one word
x=B
printf '<%s>\n' a"$x"'c'\d"e f"'g h'
### empty words
printf '<%s>\n' '' "" a"" ""b
set -- "" '' $nothing
echo $#
### quoted empty expansion is a word, unquoted is none
e=
set -- $e "$e" "$e"$e
echo $#
### quotes inside a braced default, unquoted
printf '<%s>\n' ${x:-a 'b c' "d e"} 
### quotes inside a braced default, quoted
printf '<%s>\n' "${x:-a 'b c' d}"
### double quotes inside a quoted default
printf '<%s>\n' "${x:-a "b c" d}"
### backslash in a quoted default
printf '<%s>\n' "${x:-a\}b}" "${x:-\"q\"}" "${x:-\$y}"
### a single quote in a quoted default
printf '<%s>\n' "${x:-it's}"
### dollar that stands for itself
echo $ a$ "$" "a$" "$ a" $% 
### hash in a word is no comment
echo a#b '#c' #d
echo $#a
### comments
# whole line
echo a # rest
: # echo no
echo b
### tilde
HOME=/home/me
echo ~ ~/x "~" '~' \~ a~ x=~
y=~/z
echo $y
p=~/a:~/b:c~
echo $p
### tilde in a default
HOME=/h
echo ${x:-~} ${x:-~/b} "${x:-~}"
### a newline inside quotes
echo 'a
b' "c
d"
### carriage of quotes through a variable
x='"a b"'
printf '<%s>\n' $x
### quoted reserved words are commands
'if' 2>/dev/null || echo $?
i\f 2>/dev/null || echo $?
### ansi-c quotes [ash bash]
printf '%s\n' $'a\tb' $'it\'s' $'\x41\102' $'back\\slash' "$'no'"
### ansi-c quotes keep a dollar [ash bash]
x=1
echo $'$x' $'a
b'
### dollar-quote is literal in dash [dash]
echo $'a\tb'
### locale quotes [bash]
x=1
echo $"a $x"
### backslash newline inside single quotes stays
echo 'a\
b'
### quote removal happens once
x="'a'"
echo $x "$x" '"$x"'
### deep nesting of quotes and substitutions
x=in
echo "a $(echo "b $(echo "c $x" 'd "e"')")"
### unterminated single quote
echo before
echo 'abc
def
### unterminated double quote
echo before
echo "abc
### a word of only backslash newline
echo a\
b
ec\
ho joined
### quoted operators
echo "&&" '||' ";" '(' ')' \| \& \; \( \) '<' \>
### glob characters are literal in quotes
mkdir d; cd d; touch a b
echo "*" '*' \* [ab] "[ab]" ?
### IFS whitespace in quotes
printf '[%s]' "  a  " ; echo
### dollar at the end of double quotes before a quote
echo "cost: 5$" "a$'b'"
### exclamation mark
echo "a!b" 'c!' d!
### quoting in assignments
a="x y" b='p  q' c=r\ s
echo "$a|$b|$c"
d=$a; echo "$d"
e=$a$b; echo "$e"
### at sign in quotes joins with neighbours
set -- 1 2 3
printf '<%s>\n' "a$@b"
### star in quotes joins with the first of IFS
set -- 1 2 3
IFS=,; echo "$*"; IFS=; echo "$*"; unset IFS; echo "$*"
### at sign with nothing around it vanishes
set --
printf '<%s>' "$@"; echo
printf '<%s>' a "$@" b; echo
printf '<%s>' "a$@"; echo
### star and at unquoted
set -- 'a b' c
printf '<%s>' $*; echo
printf '<%s>' $@; echo
### nested default with quotes around the whole
a=; b='x  y'
printf '<%s>\n' "${a:-${b:-z}}" ${a:-${b:-z}}
