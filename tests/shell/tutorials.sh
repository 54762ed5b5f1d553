### a loop writes lines into a file
i=0
while [ $i -lt 3 ]; do echo "$i: $(echo date)" >> log; i=$((i+1)); sleep 0.05; done
cat log
### a counter as in the logging example
i=0; while true; do echo "$i: hello"; i=$((i+1)); [ $i -eq 3 ] && break; sleep 0.05; done
### until a service answers
n=0
lookup() { n=$((n+1)); [ $n -ge 3 ]; }
until lookup; do echo waiting for myservice; sleep 0.05; done; echo up
### two log files
mkdir -p var/log; i=0;
while [ $i -lt 2 ];
do
  echo "$i: line" >> var/log/1.log;
  echo "line INFO $i" >> var/log/2.log;
  i=$((i+1));
done
cat var/log/1.log var/log/2.log
### the liveness example
mkdir tmp
touch tmp/healthy; cat tmp/healthy; echo $?; rm -f tmp/healthy; cat tmp/healthy; echo $?
### environment in a command
GREETING="Warm greetings to" HONORIFIC="The Most Honorable" NAME="Kubernetes" $SH -c 'echo $GREETING $HONORIFIC $NAME'
### printenv in a loop [dash bash]
export MY_NODE=n1 MY_POD=p1
for v in MY_NODE MY_POD; do printenv $v; done
printenv MY_NODE MY_POD
### downward files
mkdir etc; echo 'zone="us"' > etc/labels
if [ -e etc/labels ]; then echo; echo; cat etc/labels; fi
if [ -e etc/annotations ]; then cat etc/annotations; else echo none; fi
### init container writes a page
mkdir work; echo '<h1>hi</h1>' > work/index.html && cat work/index.html | wc -l | tr -d ' '
### wait for a file
(sleep 0.2; touch ready) &
while [ ! -f ready ]; do sleep 0.05; done; echo ready
### graceful stop
$SH -c 'trap "echo stopping; exit 0" TERM; echo running; kill -TERM $$; while true; do sleep 1; done'; echo $?
### a server's prestop
trap 'echo got quit; stopped=1' QUIT
stopped=0; kill -QUIT $$
while [ $stopped -eq 0 ]; do sleep 0.05; done; echo stopped
### sleep and exit code
$SH -c 'sleep 0.1; exit 1'; echo "exit $?"
$SH -c 'echo message > msg; exit 2'; echo $?; cat msg
### default arguments
conf() { echo "${1:-default} ${PORT:-8080} ${HOST:=localhost}"; }; conf; PORT=1 conf x
### config from a here-document
cat > app.conf <<EOF
listen ${PORT:-80}
name $(echo web)
EOF
cat app.conf
### parsing options
main() { while [ $# -gt 0 ]; do case "$1" in -p|--port) port=$2; shift 2;; --debug) debug=1; shift;; --) shift; break;; -*) echo "unknown $1"; return 2;; *) args="$args $1"; shift;; esac; done; echo "port=$port debug=${debug:-0} args=$args rest=$*"; }
main -p 80 a --debug b -- c d
main --bogus; echo $?
### retry with back-off
try=0; delay=1
until [ $try -ge 3 ]; do try=$((try+1)); delay=$((delay*2)); echo "attempt $try, next in ${delay}s"; done
### require variables
$SH -c ': ${DB_HOST:?DB_HOST is required}' 2>&1 | sed 's/.*DB_HOST: //'
### job with completions
for i in 9 8 7 6 5 4 3 2 1; do echo $i; done
### work queue
printf 'apple\nbanana\n' > q; while read -r item; do echo "Processing $item"; done < q
### key and value files
mkdir cfg; echo -n admin > cfg/user; printf 'secret' > cfg/pass; for f in cfg/*; do echo "${f##*/}=$(cat $f)"; done
### heredoc into sh
$SH <<'EOF'
x=inner
echo "from $x"
exit 4
EOF
echo $?
### sed and env substitution
echo 'server {{HOST}};' | sed "s/{{HOST}}/example.com/"
### count restarts in a file
echo 0 > n; for i in 1 2 3; do c=$(cat n); echo $((c+1)) > n; done; cat n
### wait for background workers
worker() { sleep 0.0$1; echo "worker $1 done"; return $1; }
worker 1 & p1=$!; sleep 0.2; worker 2 & p2=$!
wait $p1; echo $?; wait $p2; echo $?
### entrypoint runs its arguments
cat > entry <<'EOF'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ]; then set -- server "$@"; fi
if [ "$1" = server ]; then shift; echo "server with $*"; exit 0; fi
exec "$@"
EOF
chmod +x entry; ./entry --port 80; ./entry echo direct; ./entry $SH -c 'exit 5'; echo $?
### table of fields
printf 'a 1\nb 2\n' | while read name value; do printf '%-5s=%3d\n' "$name" "$value"; done
### sum and maximum
sum=0 max=0; for n in 4 8 15 16 23 42; do sum=$((sum+n)); [ $n -gt $max ] && max=$n; done; echo $sum $max
### fizzbuzz
i=1; while [ $i -le 15 ]; do o=; [ $((i%3)) -eq 0 ] && o=Fizz; [ $((i%5)) -eq 0 ] && o=${o}Buzz; echo ${o:-$i}; i=$((i+1)); done
### string building
out=; for w in kube ctl get pods; do out="$out${out:+ }$w"; done; echo "$out"
### file tests in a loop
touch a; mkdir b; for f in a b c; do if [ -f $f ]; then echo "$f file"; elif [ -d $f ]; then echo "$f dir"; else echo "$f none"; fi; done
### heredoc with tabs in a function
usage() {
	cat <<-EOF
	usage: tool [-h]
	  -h  help
	EOF
}
usage
### locking with mkdir
if mkdir lock 2>/dev/null; then echo locked; fi; if mkdir lock 2>/dev/null; then echo twice; else echo busy; fi; rmdir lock
### temporary output compare
echo a > x; echo a > y; if cmp -s x y; then echo same; fi; echo b > y; cmp -s x y || echo differ
### tail of a growing file
(for i in 1 2 3; do echo line $i >> g; sleep 0.1; done) & sleep 0.6; tail -n 2 g
### exit status through tee
(exit 3) | tee /dev/null; echo $?
### the shell as PID-less service
$SH -c 'while :; do sleep 0.05; n=$((n+1)); [ $n -ge 3 ] && exit 7; done'; echo $?
### xargs builds commands
printf 'a b\nc\n' | xargs echo; printf '1\n2\n' | xargs -n 1 echo item
### sort, uniq, cut
printf 'b:2\na:1\nb:2\n' | sort | uniq -c | tr -s ' '; printf 'x:y:z\n' | cut -d: -f2
### nested command line quoting
$SH -c 'echo "$1"' _ "it's \"quoted\""
### args with env and exec
env -i A=1 $SH -c 'echo $A ${HOME-unset}' 2>/dev/null || env -i A=1 PATH=$PATH $SH -c 'echo $A ${HOME-unset}'
