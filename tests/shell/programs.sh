### diff [dash ash]
printf '1\n2\n3\n4\n5\n6\n7\n8\n9\n' > a; printf '1\n2\nthree\n4\n5\n6\n7\n8\n9\nten\n' > b
diff a a; echo $?; diff -q a b; echo $?; diff -s a a; diff a nofile 2>&1; echo $?
### diff, normal [dash]
printf '1\n2\n3\n4\n' > a; printf '2\n3\nthree\n4\n5' > b; diff a b; diff b a; printf 'x\n' > c; diff a c; diff /dev/null c; echo $?
### diff in busybox [ash]
printf '1\n2\n3\n4\n' > a; printf '2\n3\nthree\n4\n5' > b; diff a b; echo $?; printf 'x\n' > c; diff a c
### diff, unified [dash]
seq 1 30 > a; sed 's/^5$/five/; s/^9$/nine/; 25d; s/^30$/&\nend/' a > b; diff -u --label A --label B a b; diff -U1 --label A --label B a b
### diff with options [dash ash]
printf 'A b\n\n' > a; printf 'a  b\n' > b; diff -i -b -B a b > /dev/null; echo $?; diff -w -B a b > /dev/null; echo $?
### diff of directories [dash]
mkdir d e; echo x > d/only; echo 1 > d/f; echo 2 > e/f; echo s > d/s; echo s > e/s; echo n > e/new; diff -r d e; echo $?; diff -rq d e
### cmp [dash ash]
echo abc > a; echo abc > b; cmp a b; echo $?; cmp -s a nofile; echo $?; echo abd > b; cmp -s a b; echo $?; cmp -l a b
### cmp texts [dash]
printf '1\n2\n' > a; printf '1\n3\n' > b; cmp a b; printf '1\n' > c; cmp a c; echo $?
### cmp texts in busybox [ash]
printf '1\n2\n' > a; printf '1\n3\n' > b; cmp a b; printf '1\n' > c; cmp a c; echo $?
### digests [dash ash]
printf abc > f; md5sum f; sha256sum f; sha512sum f; printf abc | md5sum; md5sum f > s; md5sum -c s; echo $?; echo x >> f; md5sum -c s; echo $?; : > e; sha256sum e; md5sum nofile; echo $?
### base64 [dash ash]
printf 'hello world' | base64; printf 'aGk=' | base64 -d; echo; seq 1 40 | base64; seq 1 40 | base64 -w 0; echo; printf 'a\nb\n' > f; base64 f
### expr [dash ash]
expr 1 + 2; expr 7 - 10; expr 4 \* 5; expr 7 / 2; expr 7 % 3; expr \( 1 + 2 \) \* 3; expr 0; echo $?; expr 1 - 1; echo $?
### expr comparisons and strings [dash ash]
expr 3 \< 5; expr abc = abc; expr abc \> abd; expr a \| b; expr 0 \| b; expr a \& 0; expr length hello; expr substr hello 2 3; expr index hello l; expr abcdef : 'abc\(.*\)'; expr abc : 'a.'; expr abc : x; expr match hello 'h.l'
### expr errors [dash ash]
expr 1 / 0; echo $?; expr a + 1; echo $?
### dd [dash ash]
printf 'hello world' > f; dd if=f of=g bs=1 count=5 2>/dev/null; cat g; echo; dd if=f bs=1 skip=6 2>/dev/null; echo; dd if=/dev/zero bs=1k count=2 2>/dev/null | wc -c; dd if=nofile; echo $?
### dd records [dash ash]
printf 'hello world' | dd bs=4 2>&1 >/dev/null | head -n 2; dd if=/dev/zero of=z bs=512 count=3 2>&1 | head -n 2; ls -l z | awk '{ print $5 }'
### dd writes into a file [dash ash]
printf 'aaaaaaaa' > f; printf 'XX' | dd of=f bs=1 seek=3 conv=notrunc 2>/dev/null; cat f; echo
### od [dash ash]
printf 'a\tb\n\001\377' | od -c; printf 'abcd' | od -An -tx1; printf 'abcdefgh' | od; printf 'ab' | od -A x -t x1; head -c 40 /dev/zero | od -A d -t x1
### hexdump [dash ash]
printf 'hello world, more text\n' | hexdump -C; printf 'abcd' | hexdump
### tac and rev [dash ash]
printf '1\n2\n3\n' | tac; printf 'abc\n' | rev
### seq [dash ash]
seq 3; seq 2 4; seq 1 2 7; seq 5 -2 1; seq -w 8 11; seq -s , 1 4; seq 0.5 0.5 1.5
### basename and dirname [dash ash]
basename /a/b/c.txt; basename /a/b/c.txt .txt; basename /; basename a/; dirname /a/b/c; dirname a; dirname /a; dirname /; dirname a/b/
### readlink and realpath [dash ash]
mkdir d; touch d/f; ln -s d/f l; ln -s l m; readlink l; readlink m; readlink d/f; echo $?; [ "$(readlink -f m)" = "$(pwd -P)/d/f" ] && echo same; [ "$(realpath d/../d/f)" = "$(pwd -P)/d/f" ] && echo same
### stat [dash ash]
printf 12345 > f; chmod 640 f; mkdir d; chmod 755 d; ln -s f l; stat -c '%n %s %a %F' f d l; stat -c %A f; stat -L -c %s l; stat nofile 2>/dev/null; echo $?
### xargs [dash ash]
printf 'a b\nc\n' | xargs; printf 'a b\nc\n' | xargs -n 1 echo -; printf 'x\ny\n' | xargs -I{} echo '<{}>'; printf 'a\0b c\0' | xargs -0 -n 1 echo; : | xargs -r echo never; echo 1 2 3 | xargs -n 2 echo; printf '%s\n' "it's" 2>/dev/null | xargs 2>/dev/null; echo $?; echo x | xargs false; echo $?
### find [dash ash]
mkdir -p d/e/f; touch d/a.txt d/e/b.txt d/e/f/c.log; find d | sort; find d -name '*.txt' | sort; find d -type d | sort; find d -maxdepth 1 -type f; find d -name '*.log' -exec echo found {} \;; find d -type f -exec echo {} + | tr ' ' '\n' | sort; find d -name e -prune -o -type f -print; find d ! -name '*.txt' -type f; find d \( -name a.txt -o -name c.log \) | sort
### find deletes and tests [dash ash]
mkdir d; touch d/x d/y; echo data > d/z; find d -empty -type f | sort; find d -size +0c -type f; find nofile 2>/dev/null; echo $?
### find -delete [dash]
mkdir d; touch d/x d/y; find d -name x -delete; ls d
### cut [dash ash]
echo a:b:c:d | cut -d: -f2; echo a:b:c:d | cut -d: -f2-; echo a:b:c:d | cut -d: -f1,3; echo abcdef | cut -c2-4; echo abcdef | cut -c -2; echo nodelim | cut -d: -f2; echo nodelim | cut -s -d: -f2; echo a b | cut -d ' ' -f 2
### tr [dash ash]
echo hello | tr a-z A-Z; echo 'a  b' | tr -s ' '; echo a1b2 | tr -d '[:digit:]'; echo abc | tr -c 'a\n' x; echo 'a b' | tr ' ' '\n'; echo AbC | tr '[:upper:]' '[:lower:]'
### sort [dash ash]
printf '10\n9\n2\n' > f; sort f; sort -n f; sort -rn f; printf 'b 2\na 10\n' | sort -k2 -n; printf 'x:3\ny:1\n' | sort -t: -k2; printf 'a\na\nb\n' | sort -u; printf 'b\nA\na\n' | sort -f; printf '2 b\n1 a\n' | sort -k 2,2
### uniq [dash ash]
printf 'a\na\nb\na\n' | uniq; printf 'a\na\nb\n' | uniq -d; printf 'a\na\nb\n' | uniq -u; printf 'a\na\nb\n' | uniq -c | tr -s ' '
### head and tail [dash ash]
seq 20 | head; seq 20 | head -n 2; seq 5 | tail -n 2; seq 5 | tail -n +4; printf abcdef | head -c 3; echo; printf abcdef | tail -c 2; echo; seq 3 > f; seq 2 > g; head -n 1 f g
### wc [dash ash]
printf 'a b\nc\n' > f; wc -l < f | tr -d ' '; wc -w < f | tr -d ' '; wc -c < f | tr -d ' '; wc f | tr -s ' '
### grep [dash ash]
printf 'foo\nbar\nFoo baz\n' > f; grep foo f; grep -i foo f; grep -v foo f; grep -c o f; grep -n bar f; grep -o 'ba.' f; grep -q nope f; echo $?; grep -E 'foo|bar' f; grep -w baz f; grep -l foo f; grep x nofile 2>/dev/null; echo $?; grep -A1 foo f; grep '^b.r$' f; grep -F 'o b' f; grep -e foo -e bar f
### sed [dash ash]
printf 'one\ntwo\nthree\n' > f; sed 's/o/0/' f; sed -n 2p f; sed 2d f; sed '/two/,$d' f; sed 's/\(t\)\(w\)/\2\1/' f; sed -e 's/e/E/g' -e 1d f; sed -E 's/(t|o)+/<&>/g' f; sed '1i\
top' f; sed '$a end' f; sed 's|o|/|' f; sed -n '/one/,/two/p' f; sed '2q' f; sed 's/O/x/I' f; sed -n '$=' f; sed 'y/ot/OT/' f; sed '/two/c\
changed' f; sed -i s/one/1/ f; head -n 1 f
### tee [dash ash]
echo a | tee f g; cat f g; echo b | tee -a f > /dev/null; cat f
### cp, mv, rm [dash ash]
echo x > a; cp a b; cat b; mkdir d; cp a d; ls d; cp -r d e; ls e; mv a c; ls; rm c; rm -r d e; ls; rm nofile 2>/dev/null; echo $?; rm -f nofile; echo $?; cp d f 2>/dev/null; echo $?
### mkdir, rmdir, touch, ln [dash ash]
mkdir -p a/b/c; rmdir a/b/c; ls a/b; mkdir a 2>/dev/null; echo $?; rmdir nodir 2>/dev/null; echo $?; touch f; [ -e f ] && echo touched; touch -c none; [ -e none ] || echo none; echo data > f; ln f hard; cat hard; ln -s f soft; cat soft; ln -s f soft 2>/dev/null; echo $?; ln -sf hard soft; readlink soft
### chmod [dash ash]
touch f; for m in 644 u+x go-r a=rw 0755 +t o+w; do chmod $m f; stat -c '%a' f; done
### ls [dash ash]
mkdir d; touch d/b d/a d/.h; ls d; ls -a d; ls -A d; ls -1 d; ls -d d; ls d/a nofile 2>/dev/null; echo $?; touch d/x; chmod 755 d/x; mkdir d/s; ls -F d; ls -r d
### cat [dash ash]
printf 'a\n\nb\n' > f; cat f; cat -n f; echo in | cat f -; cat nofile 2>/dev/null; echo $?
### env and printenv [dash]
export LC_ALL=C
env -i A=1 B=2 env; env -u HOME env | grep -c HOME; env X=1 sh -c 'echo $X'; printenv NOPE; echo $?; env nosuchcmd; echo $?
### env in busybox [ash]
env -i A=1 B=2 env; env -u HOME env | grep -c HOME; env X=1 sh -c 'echo $X'; env nosuchcmd; echo $?
### timeout [dash ash]
export LC_ALL=C
timeout 1 sleep 5; echo $?; timeout 5 sh -c 'exit 3'; echo $?; timeout -s KILL 1 sleep 5; echo $?; timeout 1 nosuchcmd; echo $?
### yes, true, false, nproc [dash ash]
yes | head -n 2; yes no | head -n 1; true; echo $?; false; echo $?; [ "$(nproc)" -gt 0 ] && echo processors
### which [dash ash]
which nosuchcmd; echo $?; which ls > /dev/null; echo $?
### mktemp [dash ash]
f=$(mktemp ./t.XXXXXX); [ -f "$f" ] && echo file; d=$(mktemp -d ./d.XXXXXX); [ -d "$d" ] && echo dir
### date [dash ash]
date -u -d @0 +%Y-%m-%dT%H:%M:%S; date -u -d @86400 +%F; date +%s | grep -c '^[0-9]*$'
### sleep [dash ash]
sleep 0; echo $?; sleep abc 2>/dev/null; echo $?; sleep 0.01 0.01; echo $?
### pgrep and kill [dash ash]
sleep 77 & p=$!; kill -0 $p && echo alive; kill $p; wait $p; echo $?
### du and df [dash ash]
mkdir d; head -c 8192 /dev/zero > d/f; du -s d > /dev/null; echo $?; df / > /dev/null; echo $?; du nofile 2>/dev/null; echo $?
### id and whoami [dash ash]
id -u; whoami; id -g
### uname and hostname [dash ash]
uname; uname -s; [ -n "$(hostname)" ] && echo named
### grep with back references [dash ash]
printf 'hello\nworld\nabab\nnoon\n' > f
grep -E '(.)\1' f
grep '\(.\)\(.\)\2\1' f
grep -c '\(..\)\1' f
grep -o '\(.\)\1' f
grep -v '\(.\)\1' f
grep -nE '^(..)\1$' f
grep -iE '(H).*L\1?' f
grep -xE '(.)(.)\2\1' f
grep -wE '(ab)\1' f
echo 'abcabd xyzxyz' | grep -oE '([a-z]{3})\1'
echo '1991 1919 1212' | grep -oE '\b([0-9])([0-9])\1\2\b'
grep -E '(a)\2' f; echo $?
grep -e '\(l\)\1' -e 'w' f
### what is no pattern for grep [dash ash]
for p in 'a\(' 'a[' '\(a' 'a\)'; do echo x | grep "$p"; echo $?; done
for p in 'a(' 'a[' '(a'; do echo x | grep -E "$p"; echo $?; done
### expr with back references [dash ash]
expr abab : '\(ab\)\1'
expr hello : '.*\(l\)\1'
expr abcd : '\(.\)\1'; echo $?
expr xx-xx : '\(x*\)-\1$'
