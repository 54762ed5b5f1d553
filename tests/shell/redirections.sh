### to a file, append, from a file
echo a > f; echo b >> f; cat < f
### truncation
echo long > f; echo s > f; cat f
### standard error
nosuchcmd 2> f; grep -c 'not found' f
### both outputs
{ echo out; echo err >&2; } > f 2>&1; cat f
### order matters
{ echo out; echo err >&2; } 2>&1 > f; cat f
### duplication of input
echo in > f; cat 0< f; cat <&3 3< f
### exec opens and closes
exec 3> f; echo one >&3; echo two >&3; exec 3>&-; cat f
### writing to a closed descriptor
(echo x >&3) 2>/dev/null; echo $?
### a bad descriptor's message
echo x >&7
echo after $?
### reading through a descriptor step by step
printf 'a\nb\nc\n' > f
exec 3< f; read x <&3; read y <&3; echo $x $y; exec 3<&-
### read and write
echo 12345 > f; exec 4<> f; read l <&4; echo "$l" ; echo more >&4; exec 4>&-; cat f
### move a descriptor aside and back
exec 3>&1; exec > f; echo hidden; exec >&3 3>&-; echo shown; cat f
### swap outputs
{ echo out; echo err >&2; } 3>&1 1>&2 2>&3 3>&- | sed 's/^/piped: /' 2>&1
### closing stdout
(echo x >&-) 2>/dev/null; echo $?
### closing stdin
cat <&- 2>/dev/null; echo $?
### redirections anywhere in the command
> f echo a b; cat f; < f cat
echo 2> g c > f d; cat f
### several outputs, last wins
echo x > f > g; cat f; echo -; cat g
### expansions in targets
n=file; echo x > "$n.txt"; cat file.txt; echo y > ${n}2; cat file2
### a target with a space
x="a b"; echo hi > "$x"; cat "a b"
### a target that doesn't split [dash ash]
x="a b"; echo hi > $x; ls
### ambiguous target [bash]
x="a b"; echo hi > $x
echo $?
### no such file
cat < nope
echo after $?
### no such directory
echo x > no/such/file
echo after $?
### a directory as target
mkdir d
echo x > d
echo after $?
### failed redirection of a builtin
true < nope; echo $?
### failed redirection of a special builtin ends the script
: < nope
echo after $?
### failed redirection of a group
{ echo no; } < nope
echo after $?
### failed redirection of exec
exec 3< nope
echo after $?
### failed redirection of a function
f() { echo no; }; f < nope; echo $?
### failed redirection in a condition
if echo x > no/such; then echo yes; else echo no; fi
### failed redirection in an and-or
echo x < nope && echo yes || echo no
### noclobber
set -C; echo a > f; echo b > f; echo $?; cat f
echo c >| f; cat f; echo d >> f; cat f
echo x > /dev/null; echo $?
### noclobber on a new file
set -o noclobber; echo a > new; cat new; set +C; echo b > new; cat new
### both with ampersand [ash bash]
{ echo o; echo e >&2; } &> f; cat f
### both appended [ash bash]
echo a > f; { echo o2; echo e2 >&2; } &>> f; cat f
### both with a filename [ash bash]
{ echo o; echo e >&2; } >& f; cat f
### ampersand greater is a background job in dash [dash]
echo a &> f
wait
cat f
### here-string [ash bash]
cat <<< "a b"; x=v; cat <<< $x; read a b <<< "1 2"; echo $b
### redirection of a loop
for i in 1 2; do echo $i; done > f; cat f
### redirection of if
if true; then echo yes; fi > f; cat f
### redirection in a subshell ends with it
(exec > f; echo a); echo b; cat f
### a redirection for one builtin
read x < /dev/null; echo $?; echo abc > f; read x < f; echo $x
### dev null, stdout, stderr
echo a > /dev/null; echo b > /dev/stdout; cat /dev/null
### errors go where stderr went
{ nosuchcmd; } 2> f; sed 's/.*nosuch/nosuch/' f
### input from a pipe and a file
echo piped | cat - /dev/null
### a number that isn't a descriptor
echo 2 > f; cat f; echo a2>f; cat f
### descriptor with a variable
fd=2; echo to err >&$fd
### bad descriptor number
echo x >&abc
echo after
### heredoc
cat <<EOF
plain $((1+1)) $(echo sub) \$not `echo back`
  indented "quotes" 'single'
EOF
### heredoc with quoted delimiter
x=1
cat <<'EOF'
$x $(no) `no` \ \\ "
EOF
cat <<"E F"
$x
E F
cat <<\END
$x
END
### heredoc with tabs
cat <<-EOF
	tab
		two tabs
	  mixed
	EOF
### heredoc with escapes
x=v
cat <<EOF
\$x \\ \` \a \" $x\
joined
EOF
### an apostrophe in a heredoc's default [dash ash]
cat <<EOF
${x:-it's}
EOF
### heredoc with defaults
cat <<EOF
${x:-default} ${x:-"quoted"} "${x:-a}"
EOF
### two heredocs
cat <<A; cat <<B
a
A
b
B
### two heredocs on one command
cat <<A - 3<<B <&3
a
A
b
B
### heredoc in a loop
for i in 1 2; do cat <<EOF
line $i
EOF
done
### heredoc in a function
f() { cat <<EOF
hello $1
EOF
}
f you; f me
### heredoc into a pipe
cat <<EOF | tr a-z A-Z
shout
EOF
### heredoc and more on the line
cat <<EOF && echo after; echo end
body
EOF
### heredoc to a file
cat > f <<EOF
a
b
EOF
wc -l < f | tr -d ' '
### empty heredoc
cat <<EOF
EOF
echo $?
### heredoc delimiter must be alone
cat <<EOF
EOF not
 EOF
EOFx
EOF
### heredoc without an end [dash ash]
cat <<EOF
a
b
### heredoc without an end in bash [bash]
cat <<EOF
a
b
### heredoc with a read loop
while IFS=: read a b; do echo "$b-$a"; done <<EOF
1:x
2:y
EOF
### heredoc in a condition
if grep -q b <<EOF
abc
EOF
then echo found; fi
### heredoc keeps trailing blanks and empty lines
cat <<EOF | sed 's/$/|/'
a  

b
EOF
### big heredoc
x=$(seq 1 20000)
cat <<EOF | tail -n 1
$x
EOF
### heredoc on fd 3
cat 3<<EOF <&3
three
EOF
