### fields [dash ash]
printf 'a b c\nd  e\tf\n' | awk '{ print $2, $NF, NF }'
### patterns [dash ash]
printf 'one 1\ntwo 2\nthree 3\n' > f
awk '/o/' f; awk '$2 > 1 { print $1 }' f; awk 'NR == 2' f; awk '/one/,/two/' f; awk '!/o/ { print "no o:", $0 }' f
### begin and end [dash ash]
printf '1\n2\n3\n' | awk 'BEGIN { print "start" } { s += $1 } END { print "sum", s, "avg", s/NR }'
### field separator [dash ash]
printf 'root:x:0\nme:x:1000\n' | awk -F: '{ print $1, $3 }'; echo 'a,b;c' | awk -F'[,;]' '{ print $3 $2 $1 }'; printf 'a\tb c\n' | awk -F'\t' '{ print $2 }'; echo 'a|b' | awk -F'|' '{ print $2 }'
### output separators [dash ash]
echo 'a b c' | awk 'BEGIN { OFS="-"; ORS="!\n" } { print $1, $2; $1 = $1; print }'
### variables from outside [dash ash]
echo x | awk -v n=5 -v s='a b' '{ print n + 1, s }'; printf 'l\n' > f; awk '{ print v }' v=1 f v=2 f
### assigning fields [dash ash]
echo 'a b c' | awk '{ $2 = "X"; print; $5 = "e"; print; print NF; NF = 2; print; $0 = "new record"; print $2 }'
### arithmetic [dash ash]
awk 'BEGIN { print 1+2*3, 7%3, -3, 10/4, 1e3, 0.1+0.2, 1/3, 100000000; x = 5; x += 2; print x++, x, ++x, x--, --x }'
### powers [dash]
awk 'BEGIN { print 2^10, 2^3^2, -2^2, 2^-1; x = 3; x ^= 2; print x }'
### strings and numbers [dash ash]
awk 'BEGIN { print "3" + 4, "abc" + 1, 1 " " 2, "5x" * 2; if ("10" < "9") print "text"; if (10 > 9) print "number" }'; echo '10 9' | awk '{ if ($1 > $2) print "numeric input" }'; echo 'a10 a9' | awk '{ print ($1 < $2) }'
### comparisons and logic [dash]
awk 'BEGIN { print 1==1, 1!=1, "a"<"b", !0, !1, !"", !"a", 1&&0, 1||0, 2<3?"yes":"no" }'
### uninitialised [dash ash]
awk 'BEGIN { print x+0, "[" x "]", length(x); if (!x) print "false"; if (x == 0 && x == "") print "both" }'
### arrays [dash ash]
printf 'a 1\nb 2\na 3\n' | awk '{ t[$1] += $2 } END { print t["a"], t["b"]; for (k in t) n++; print n; if ("a" in t) print "in"; delete t["a"]; if (!("a" in t)) print "gone" }'
### counting words, sorted [dash ash]
printf 'b a\na c a\n' | awk '{ for (i = 1; i <= NF; i++) c[$i]++ } END { for (w in c) print w, c[w] }' | sort
### several subscripts [dash ash]
awk 'BEGIN { a[1,2] = 3; if ((1,2) in a) print "yes", a[1,2]; for (k in a) { split(k, p, SUBSEP); print p[1], p[2] } }'
### loops [dash ash]
awk 'BEGIN { for (i = 0; i < 3; i++) printf "%d ", i; while (i > 0) { i--; if (i == 1) continue; printf "w%d ", i } do { i++ } while (i < 5); print i; for (;;) { if (++n > 3) break } print n }'
### if else chains [dash ash]
printf '1\n5\n9\n' | awk '{ if ($1 < 3) print "low"; else if ($1 < 7) { print "mid" } else print "high" }'
### string functions [dash ash]
awk 'BEGIN { s = "hello world"; print length(s), substr(s, 1, 5), substr(s, 7), substr(s, 10, 99), index(s, "o"), index(s, "z"), toupper(s), tolower("ABC") }'
### split [dash ash]
awk 'BEGIN { n = split("a:b:c", p, ":"); print n, p[1], p[3]; n = split("  x  y ", q); print n, q[1]; print split("", r), split("a1b22c", t, /[0-9]+/), t[3] }'
### sub and gsub [dash ash]
echo 'foo bar foo' | awk '{ sub(/foo/, "X"); print; n = gsub(/o/, "0"); print n, $0; gsub(/[a-z]/, "<&>", $2); print $2; s = "a.b.c"; gsub(/\./, "\\&", s); print s; gsub("b", "[&&]", s); print s }'
### match [dash ash]
awk 'BEGIN { print match("foobar", /o+/), RSTART, RLENGTH; print match("x", /y/), RSTART, RLENGTH; s = "key=value"; if (match(s, /=.*/)) print substr(s, RSTART + 1, RLENGTH - 1) }'
### matching operators [dash ash]
awk 'BEGIN { print ("abc" ~ /b/), ("abc" !~ /b/), ("a.c" ~ "a\\.c"), ("abc" ~ "^a.c$"); re = "^[0-9]+$"; print ("123" ~ re), ("12a" ~ re) }'
### printf [dash ash]
awk 'BEGIN { printf "%s|%5s|%-5s|%05d|%.2f|%x|%o|%c|%c|%%|%e\n", "a", "b", "c", 42, 3.14159, 255, 8, "hello", 65, 12345.678; printf "%d %d\n", "12abc", 3.99; printf("%s-%s\n", "x", "y"); }'
### sprintf and concatenation [dash ash]
awk 'BEGIN { s = sprintf("%03d", 7); print s s, "a" 1 + 2 "b"; print "x" (1 < 2) "y" }'
### numbers as text [dash ash]
awk 'BEGIN { print 3.0, 0.1, 1e6, 1e20, 123456789, 1234567.891, 17/7; x = 0.1; print x ""; CONVFMT = "%.2g"; y = 3.14159; print (y "") }'
### functions [dash ash]
awk 'function fact(n) { return n <= 1 ? 1 : n * fact(n - 1) } function add(a, b,   tmp) { tmp = a + b; return tmp } BEGIN { print fact(10), add(2, 3), tmp "" }'
### functions and arrays [dash ash]
awk 'function fill(a, n,   i) { for (i = 1; i <= n; i++) a[i] = i * i } function sum(a,   k, s) { for (k in a) s += a[k]; return s } BEGIN { fill(sq, 4); print sq[4], sum(sq) }'
### getline from a file [dash ash]
printf '1\n2\n' > f; awk 'BEGIN { while ((getline line < "f") > 0) print "got", line; close("f"); getline < "f"; print $0; print (getline x < "nofile") }'
### getline from a command [dash ash]
awk 'BEGIN { "echo out" | getline v; print v; while (("printf \"a\\nb\\n\"" | getline l) > 0) n++; print n }'
### getline moves on [dash ash]
printf '1\n2\n3\n' | awk 'NR == 1 { getline; print "now", $0 } END { print NR }'
### output to files [dash ash]
printf 'a 1\nb 2\n' | awk '{ print $2 > ($1 ".txt") } END { close("a.txt"); print "more" >> "b.txt" }'; cat a.txt b.txt
### output to commands [dash ash]
printf 'c\na\nb\n' | awk '{ print | "sort" } END { close("sort"); print "done" }'
### system [dash ash]
awk 'BEGIN { r = system("echo from sh; exit 3"); print "status", r }'
### next and exit [dash ash]
printf '1\n2\n3\n4\n' | awk '$1 == 2 { next } { print } $1 == 3 { exit 5 } END { print "end" }'; echo $?
### exit in begin [dash ash]
awk 'BEGIN { exit 3 } END { print "end runs" }'; echo $?
### records [dash ash]
printf 'a;b;c' | awk 'BEGIN { RS = ";" } { print NR ": " $0 }'; printf 'p1 l1\np1 l2\n\n\np2 l1\n' | awk 'BEGIN { RS = "" } { print NR, $1, $NF }'; printf 'a b\nc\n\nd\n' | awk 'BEGIN { RS = ""; FS = "\n" } { print $1 "|" $2 }'
### file names and record numbers [dash ash]
echo x > f1; printf 'y\nz\n' > f2; awk '{ print FILENAME, FNR, NR, $0 }' f1 f2
### a missing file [dash ash]
awk '{ print }' nofile 2>/dev/null; echo $?
### environment and arguments [dash ash]
V=val awk 'BEGIN { print ENVIRON["V"], ARGC, ARGV[1], ARGV[2] }' one two
### script from a file [dash ash]
printf '# comment\nBEGIN {\n  x = 1 # more\n  print "from file",\n    x\n}\n' > s.awk; awk -f s.awk
### semicolons, newlines and continuations [dash ash]
awk 'BEGIN { x = 1; y = 2
if (x)
  print "a"
else
  print "b"
print x, \
  y
}
'
### regular expression syntax [dash ash]
printf 'a/b\ntab\there\n1+1\n' | awk '/a\/b/ { print "slash" } /\t/ { print "tab" } /1\+1/ { print "plus" } /^[[:alpha:]]+[\/\t]/ { print "class", NR }'
### dollar precedence [dash ash]
echo '2 3 4' | awk '{ print $1+1, $NF-1, $(1+1), $$1; i = 1; print $i++, i }'
### in operator and parentheses [dash ash]
awk 'BEGIN { a["x"]; print ("x" in a) + 0, ("y" in a) + 0; if (!("y" in a)) print "no y"; print length(a) }'
### ternaries and assignment chains [dash ash]
awk 'BEGIN { a = b = 3; print a, b; print a == 3 ? b == 3 ? "both" : "a" : "none"; a += b *= 2; print a, b }'
### division by zero [dash ash]
awk 'BEGIN { print 1/0 }' 2>/dev/null; echo $?
### a syntax error [dash ash]
awk 'BEGIN { print ( }' 2>/dev/null; [ $? -ne 0 ] && echo failed
### int, sqrt and others [dash]
awk 'BEGIN { print int(3.9), int(-3.9), sqrt(16), exp(0), log(1), sin(0), cos(0), atan2(0, 1); srand(1); r = rand(); print (r >= 0 && r < 1) }'
### the last field and empty lines [dash ash]
printf 'a b\n\nc\n' | awk '{ print NF ": " $NF }'; printf 'a b\n\nc\n' | awk 'NF'
### columns of ps [dash ash]
printf 'PID USER CMD\n1 root sleep\n22 www nginx: worker\n' | awk 'NR > 1 && $2 == "root" { print $1 } $3 ~ /nginx/ { $1 = ""; $2 = ""; print }' 
### no newline at the end [dash ash]
printf 'a\nb' | awk '{ print $0 "." }'
### tabs and print with parentheses [dash ash]
echo 'a b' | awk '{ print($1,$2); print ($1)($2); print $1"\t"$2 }'
