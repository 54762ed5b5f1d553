### lines joined by a loop [dash ash]
printf 'a\nb\nc\n' > f; sed ':a;N;$!ba;s/\n/ /g' f; sed -e ':a' -e 'N' -e '$!ba' -e 's/\n/, /g' f; sed -n 'H;${x;s/\n/+/g;s/^+//;p}' f; printf 'x\n' | sed ':a;N;$!ba;s/\n/ /g'
### branches [dash ash]
echo aaaa | sed ':x;s/a/b/;tx'; echo 1234567 | sed -E ':a;s/([0-9])([0-9]{3})($|,)/\1,\2\3/;ta'; printf 'a\nb\n' | sed 's/a/X/;t;s/$/-/'; printf 'a\nb\n' | sed -n 's/a/X/;T;p'; printf 'a\nb\n' | sed '/a/b end
s/$/!/
:end
s/^/>/'; printf 'a\nb\n' | sed '/a/b;s/$/!/'; sed -n 'bnowhere' /dev/null; echo $?
### next lines [dash ash]
seq 5 > f; sed n\;d f; sed -n '$!N;P;D' f; sed '$!N;s/\n/-/' f; sed 'N;N;s/\n/,/g' f; sed -n 'n;p' f; sed '2{N;s/\n/ + /}' f; sed '$!d' f; sed -n '$!{N;P}' f; sed 'N;P;D' f; sed '3n;s/^/x/' f
### repeated lines [dash ash]
printf '\n\n\na\n\n\nb\n' | sed '/./,/^$/!d'; printf 'a\\\nb\nc\n' | sed -e :a -e '/\\$/N; s/\\\n//; ta'
### a pattern that refers to itself [dash ash]
printf 'a\na\nb\nb\nb\nc\n' | sed '$!N;/^\(.*\)\n\1$/!P;D'; echo hello | sed 's/\(l\)\1/[&]/'; printf 'aa\nab\n' | grep '\(.\)\1'; echo abcabc | grep -E '^(...)\1$'
### hold space [dash ash]
seq 4 > f; sed -n '1!G;h;$p' f; sed '1!G;h;$!d' f; sed 'x;1d;$G' f; sed G f; sed -n 'x;p' f; sed 'h;s/^/>/;G' f; sed -n '/2/h;/4/{G;p}' f; sed 'H;x;s/\n/,/g;h;$!d;x;g' f
### translation [dash ash]
echo 'hello/world' | sed 'y/lo/01/'; echo 'a b' | sed 'y/ /\n/'; echo abc | sed 'y,abc,/\\x,'; echo 'a|b' | sed 'y/|/\t/'
### text around lines [dash ash]
printf 'a\nb\n' > f; sed '1a\
first\
second' f; sed '1i top' f; sed '$a\  indented' f; sed '2c new' f; sed '1,2c both' f; sed '/b/i\
above' f; sed 'a after' f; sed -e '1a\' -e 'x y' f; sed '1{a in
}' f; sed '$!a ---' f; sed '1i\  two blanks' f; sed '/a/c\
one\
two' f; sed '1!c others' f
### text and quitting [dash ash]
seq 3 > f; sed '2{a x
q}' f; sed '2q' f; sed '2{p;q}' f; sed -n '2{p;q}' f; sed '/2/!d;a z' f; sed '1a x' f | sed 1d; sed '2i x' f; sed 5q f; sed '$q' f
### quitting with a status [dash]
seq 3 > f; sed 2q5 f; echo $?; sed 2Q f; echo $?; sed -n '2{p;Q7}' f; echo $?; sed '/2/{s/2/x/;q3}' f; echo $?
### addresses [dash ash]
seq 10 > f; sed -n '1,/1/p' f; sed -n '3,+2p' f; sed -n '/2/,/4/p' f; sed -n '/9/,/nothing/p' f; sed -n '5,2p' f; sed -n '$p' f; sed -n '2,4!p' f; sed -n '/1/,3p' f; sed -n '2,/2/p' f; sed -n '4,${p}' f; sed '/3/,/5/{/4/!d}' f; sed -n '\,5,p' f; sed -n '2p;2p' f; sed '3,$d' f; sed -n '8,$ p' f; sed -n '/^1$/,+1p' f
### GNU's addresses [dash]
seq 10 > f; sed -n '0,/1/p' f; sed -n '0,/3/p' f; sed -n '2~3p' f; sed -n '0~4p' f; sed -n '2,~4p' f; sed -n '0,/x/p' f | wc -l; sed -n '1~0p' f; sed -n '4,~4p' f; sed -n '/3/,~5p' f; sed '0,/1/s/1/x/' f; sed -n '/1/I,/2/p' f; sed -n '2 , 3 p' f
### substitution flags [dash ash]
echo aaaa > f; sed 's/a/b/3' f; sed 's/a/b/2g' f; sed -n 's/a/b/p' f; sed 's/A/b/Ig' f; sed 's/a*/x/' f; echo baaac | sed 's/a*/x/g'; echo abc | sed 's/x*/-/g'; echo 'a.b.c' | sed 's/\./\//g'; echo a/b | sed 's|/|\||'; echo foo | sed 's/o/&&/g'; echo foo | sed 's/o/\&/'; echo 'x y' | sed 's/\(x\) \(y\)/\2 \1/'; echo ab | sed 's/a\|b/X/g'; echo 'a+b' | sed 's/a+b/X/'; echo 'aab' | sed 's/a\+b/X/'; echo 'a  b' | sed -E 's/ +/ /g'; echo 'a]b' | sed 's/[]]/X/'; echo 'a/b' | sed 's/[/]/X/'; echo ab | sed 's/b$/\n&/'; echo 'tab	x' | sed 's/\t/T/'; echo foo123 | sed -E 's/[[:digit:]]+$//'; echo aXb | sed 's/X/\
/'; echo one two | sed 's/\w\+/<&>/2'; echo "it's" | sed "s/'/\"/"; echo abc | sed s,b,,
### writing to files [dash ash]
seq 4 > f; sed -n '2w out' f; cat out; sed -n 's/3/three/w o2' f; cat o2; sed '1w o3
d' f; cat o3; sed -n '1,2w /dev/stdout' f; sed -n '/none/w o4' f; wc -c < o4
### reading files [dash ash]
seq 2 > f; echo inserted > g; sed '1r g' f; sed '$r g' f; sed 'r nothing' f; sed '/1/{r g
d}' f
### in place [dash ash]
printf 'one\ntwo\n' > f; cp f g; sed -i 's/o/0/' f; cat f; sed -i.bak '1d' f; cat f f.bak; sed -i -e '$a end' f g; cat f g; sed -i '1s/^/# /' g; cat g; sed -n -i '1p' g; cat g; sed -i /nothing/d g; cat g; sed -i 2q f; cat f
### several files [dash ash]
seq 2 > f; seq 3 4 > g; sed -n '$p' f g; sed -n '1p' f g; sed -n '$=' f g; sed = f g; sed 'N;s/\n/-/' f g; cat f | sed 's/^/> /' - g
### separate files [dash]
seq 2 > f; seq 3 4 > g; sed -s -n '$p' f g; sed -s -n '1p' f g; sed -sn '$=' f g; sed -n '1F' f; sed -s '1i new' f g; sed -i '1i top' f g; cat f g
### no newline at the end [dash ash]
printf 'a\nb' > f; sed p f; echo; sed -n '$p' f; echo; sed 's/b/c/' f; echo; sed '$a x' f; sed '$!d' f; echo; sed -i s/a/z/ f; wc -c < f; sed G f; printf x | sed 'i y'; echo
### GNU's own [dash]
echo 'hello World' | sed 's/\w\+/\u&/g'; echo hello | sed 's/.*/\U&/'; echo 'Hello' | sed 's/\(.\)\(.*\)/\L\1\U\2\E-\1/'; echo HELLO | sed 's/.*/\L\u&/'; printf 'a\0b\0' | sed -z 's/^/x/' | tr '\0' '\n'; echo abc | sed 'z;s/^$/empty/'; printf 'a\nb\n' | sed -n 'l;$!N;l'; echo a | sed 's/a/\x41/'; printf 'x\ty\\\n' | sed -n l; seq 40 | tr '\n' ' ' | sed -n l; printf 'a\nb\n' | sed 'N;s/^/>/Mg'; echo aa | sed --expression='s/a/b/' --quiet -e p
### mistakes [dash]
for s in foo 's/a/b' 's/a/b/x' /a '{p' 'p}' 'y/abc/de/' 'y/abc' 'p;p q' 1,p a ,p 3 's/\(a/b/' 's/a/\2/' r w 0p 0,3p 'd extra' '}' s/x/y/gg s/x/y/pp s/x/y/0 1!!p 1,2q ':' =p k '1:a' 's' 'y' 'bx'; do echo "$s: "; echo a | sed "$s"; echo $?; done; sed p nofile; echo $?; sed p .; echo $?; sed -i p .; echo $?; sed -i p nofile; echo $?; sed -f nofile; echo $?; sed -e p -e k; echo $?; sed -e p -e 's/a/b' < /dev/null
### more mistakes [ash]
for s in foo 's/a/b' 's/a/b/x' /a 'y/abc' 1,p ,p 3 's/\(a/b/' r w 'd extra' 1!!p k 'bx'; do echo "$s: "; echo a | sed "$s"; echo $?; done; sed p nofile; echo $?; sed -i p nofile; echo $?; sed -f nofile; echo $?
### usage [dash]
sed; echo $?; sed -x p; echo $?; sed --bad; echo $?; sed -e; echo $?; sed --help | tail -n 3
### comments and blanks [dash ash]
seq 3 > f; sed '# nothing
2d # the second
' f; sed -n ' 1 p ; 2 p ' f; sed '1 { s/1/x/ ; s/x/y/ }' f; sed -n '/1/ { p ; p }' f; sed '
/2/ {
  s/2/two/
  s/^/> /
}' f; sed -n '1{p};2{p}' f; sed -e 1d -e '2d;s/3/x/' f
### a script in a file [dash ash]
printf 's/a/b/\n/b/a\\\nadded\n' > s; echo a | sed -f s; printf '#!/bin/sed -f\n1!G;h;$!d\n' > t; seq 3 | sed -f t
### the classics [dash ash]
printf 'key=old\nother=1\n' > c; sed -i 's/^key=.*/key=new/' c; cat c; sed -n 's/^other=//p' c; sed '/^#/d;/^$/d' c; printf '[a]\nx=1\n[b]\nx=2\n' | sed '/^\[b\]/,/^\[/s/x=.*/x=9/'; printf 'a,b\nc,d\n' | sed 's/\([^,]*\),\(.*\)/\2,\1/'; echo '  trim  ' | sed 's/^[ \t]*//;s/[ \t]*$//' ; echo "/usr/local/bin" | sed 's#/usr/local#/opt#'; seq 10 | sed -n '3,5p;7q'; printf 'a b c\n' | sed 's/ /\n/g'; echo 'server 127.0.0.1:8080;' | sed -E 's/([0-9.]+):([0-9]+)/\2 at \1/'
### a block that nobody closes, a pattern that nothing names [dash ash]
printf 'a\nb\n' | sed '{p'; echo $?; printf 'a\nb\n' | sed '2{p'; echo $?; echo a | sed 's//x/'; echo $?
### a closing brace with an address, and nothing to close [dash ash]
echo a | sed "2!}"; echo $?; echo a | sed "{1}"; echo $?
### back references in patterns [dash ash]
printf 'hello\nabab\nxyz\n' | sed 's/\(.\)\1/<\1\1>/g'
printf 'hello\nabab\nxyz\n' | sed -n '/\(..\)\1/p'
printf 'a\na\nb\nb\nb\nc\n' | sed -E '$!N; /^(.*)\n\1$/!P; D'
printf 'the the cat sat sat\n' | sed -E 's/\b([a-z]+) \1\b/\1/g'
printf 'abcabc aa bb ab\n' | sed -E 's/((a)(b)c)\1/[\3\2]/; s/(.)\1/{&}/g'
printf '"one" and '\''two'\''\n' | sed -E "s/([\"'])([^\"']*)\1/<\2>/g"
printf 'AaBb\n' | sed -E 's/(.)\1/x/g'
printf 'level noon abc\n' | sed -E 's/\b(.)(.)(.)\2\1\b/P/'
printf 'aaaa\n' | sed 's/\(a*\)\1/[\1]/'
printf 'ab1ab1 c\n' | sed 's/^\([a-z]*\)\([0-9]\)\1\2/\2\1/'
echo abcd | sed 's/\(a\)\2/x/'
echo $?
echo abcd | sed -E 's/(a|ab)(c|bcd)(d*)/[\1][\2][\3]/'
### a dot matches the newlines of the pattern space [dash ash]
printf 'a\nb\nc\n' | sed 'N;s/a.b/X/'
printf 'a\nb\nc\n' | sed ':a;N;$!ba;s/.*/<&>/'
printf 'a\nb\nc\n' | sed 'N;s/a[^x]b/X/'
### groups that took no part, references in sets [dash ash]
echo abc | sed -E 's/(x)?b/[\1]/'
printf '%s\n' 'a\1' | sed 's/[\1]/x/g'
echo aXa | sed -E 's/(a)X\1*/[&]/'
echo abab | sed 's/\(ab\)\{2\}/[\1]/'
echo aabb | sed -E 's/^(a+)(b+)$/\2\1/; s/(.)\1(.)\2/\1\2/'
