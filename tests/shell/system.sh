### signals of the kill program [dash ash]
env kill -l
env kill -l 9; env kill -l TERM; env kill -l SIGHUP
env kill -l foo; echo $?
### procps' kill [dash]
env kill -L
env kill; echo $?
env kill foo; echo $?
env kill 999999; echo $?
env kill -foo 1; echo $?
env kill -s foo 999999; echo $?
env kill -9; echo $?
env kill -KILL 999999; env kill -SIGKILL 999999; env kill -sKILL 999999; env kill --signal KILL 999999; env kill -s KILL 999999 999998
env kill -- -999999; echo $?
env kill %1; echo $?
env kill -l 137; echo $?
### busybox' kill [ash]
env kill -l 137; env kill -l 0; env kill -l 15 9
env kill; echo $?
env kill foo; echo $?
env kill 999999; echo $?
env kill -foo 1; echo $?
env kill -s foo 1; echo $?
env kill -9; echo $?
env kill -s KILL 999999 999998; echo $?
env kill -- -999999; echo $?
env kill %1; echo $?
### what procps' ps is told wrong [dash]
for o in -z --foo '-o foo' '-p foo' '-p 0' '-p -1' '-u nobodyx' '--sort foo' '-p 1x' 1,2 foo -o -p -C '-p ,1' '-o pid:x' 'U nobodyx' Q; do ps $o; echo $?; done
### procps' ps, columns [dash]
sleep 100 &
ps -o comm= -p $!
ps -o comm,args -p $!
ps -o args,comm -p $!
ps -o stat=,nice=,pri=,cls=,nlwp= -p $!
ps -o user,group,comm -p $!
ps -o user:12,comm=NAME -p $!
ps -o tty,time,etime,comm -p $!
ps -o comm,times,bsdtime,s,state -p $!
ps --no-headers -o comm -p $!
ps h -o comm -p $!
ps -o pid= -p $! | tr -d ' \n' | grep -c "^$!\$"
ps -o comm -C nothing; echo $?
ps -p 999999 -o comm; echo $?
ps -o args= --pid=$!
ps -o comm:3,args:4,stat -p $!
kill $!
### procps' ps, trees and order [dash]
sh -c 'sleep 100 & ps -o args --forest -p $$,$! | sed 1d; kill $!'
sh -c 'sleep 100 & ps -o args -H -p $$,$! | sed 1d; kill $!'
sleep 31 & a=$!; sleep 30 & b=$!
ps -o args= --sort=args -p $a,$b
ps -o args= --sort=-args -p "$a $b"
ps -o args= k args -p $a -p $b
ps -o args= -N -p 1 | grep -c '^sleep 3[01]$'
kill $a $b
### free [dash]
free | head -n 1
free -w | head -n 1
free | sed -n '$p'
free -h | sed -n '$p'
free -t | cut -c1-6
free -z; echo $?
free foo; echo $?
free -s foo; echo $?
free -c 0; echo $?
free -s; echo $?
free -V
### free of busybox [ash]
free | head -n 1
free | sed -n '$p'
free -h | sed -n '$p'
### df [dash]
export LC_ALL=C
df --output=target /
df --output=fstype /proc
df /proc
df --output=foo; echo $?
df foo; echo $?
df -z; echo $?
df --foo; echo $?
df -B foo; echo $?
df -P / | sed -n '1s/  */ /gp'
df -h / | sed -n '1s/  */ /gp'
df -T / | sed -n '1s/  */ /gp'
df -i / | sed -n '1s/  */ /gp'
df -BM / | sed -n '1s/  */ /gp'
df -B1G / | sed -n '1s/  */ /gp'
### df of busybox [ash]
df foo; echo $?
df / | head -n 1; df -h / | head -n 1; df -T / | head -n 1; df -P / | head -n 1; df -i / | head -n 1; df -m / | head -n 1
df -B foo; echo $?
### du [dash ash]
export LC_ALL=C
mkdir -p d/e; head -c 5000 /dev/zero > d/e/f; echo x > d/g
du d; du -s d; du -a d | sort -k2; du -sh d; du -d 0 d; du -c d/e d/g; du -k d; du -m -s d
du -s d d/e
du d/g
du nope; echo $?
du -d foo; echo $?
du -h d/g
### du, GNU's options [dash]
mkdir -p d/e; head -c 5000 /dev/zero > d/e/f; echo x > d/g
du --max-depth=1 d; du -S d; du -0s d | tr '\0' '|'; du --apparent-size d/g; du -b d/g; du --exclude=f -a d/e; du -BM -s d; du -hc d/e d/g
du -sa d; echo $?
du -s -d 1 d; echo $?
du -z; echo $?
### stat [dash ash]
printf hello > f; chmod 640 f; ln -s f l; mkdir -m 700 d
stat -c '%n %s %a %A %u %U %g %G %h %F %b %B %o %f' f
stat -c '%F %A %f' d l /dev/null
stat -c '%N' f l
stat -L -c '%F %N' l
stat -c '%5s|%-5s|%05s|%%' f
stat -c 'a\nb' f
stat f | sed -n 2p; stat f | sed -n 4p; stat l | head -n 1
stat nope; echo $?
### stat, GNU's options [dash]
printf hello > f
stat --printf='%n\t%s\n' f; stat --format=%s f; stat -c '%Q' f; stat -c %m /proc
stat; echo $?
stat -z; echo $?
stat -c; echo $?
### what uptime and top are told wrong [dash]
export LC_ALL=C
uptime -z; echo $?
uptime foo; echo $?
top -z; echo $?
top -b -n foo; echo $?
top -b -d foo; echo $?
top foo; echo $?
top -p foo; echo $?
top -bn1 -o foo; echo $?
top -n; echo $?
top -u nosuch -bn1; echo $?
top -bn1 | sed -n '6p;7s/^ *//p'
### top of busybox told wrong [ash]
top -b -n foo; echo $?
top -b -n1 -d foo; echo $?
### who one is [dash]
export LC_ALL=C
id foo; echo $?
id -n; echo $?
id -ug; echo $?
id -u 0; id -un root; id -G root
uname foo; echo $?
uname -z; echo $?
### who one is, with busybox [ash]
id foo; echo $?
id -u; id -un
### getent [dash]
getent; echo $?
getent foo; echo $?
getent passwd nope; echo $?
getent hosts nothere.invalid; echo $?
### pgrep [dash]
pgrep; echo $?
pgrep nothing; echo $?
pgrep a b; echo $?
pgrep '['; echo $?
pgrep -u nosuch x; echo $?
pgrep -c nope; echo $?
pgrep -P foo; echo $?
pkill; echo $?
pkill nope; echo $?
### mount [dash]
mount a b; echo $?
mount /nothing; echo $?
mount -z; echo $?
### pagers are cat where there is no terminal [dash ash]
printf 'a\nb\n' > f
less f; more f; less < f; cat f | less; cat f | more
### ss and netstat told wrong [dash]
ss --foo; echo $?
ss foo; echo $?
ss -tan state foo; echo $?
ss -tn sport foo; echo $?
ss -V
ss -tln6 | head -n 1
ss -tn state established dport = :1
ss -tnH dport = :1
netstat -z; echo $?
netstat --foo 2>&1 | head -n 1
netstat -tln | head -n 2
netstat -tlnp | head -n 2
### env and hostname told wrong [dash]
export LC_ALL=C
env -z; echo $?
env -u; echo $?
env --foo; echo $?
env nothere; echo $?
env -u A=B true; echo $?
