### a list in parentheses
a=(x y)
echo unreached
### elements and counts [bash]
a=(foo bar "b z"); echo ${a[0]} "${a[2]}" ${#a[@]} ${#a[*]} ${#a[2]} $a ${#a} "$a" ${a[7]}.
### a variable as an index [bash]
items=(foo bar baz qux xyz); JOB_COMPLETION_INDEX=3; echo ${items[$JOB_COMPLETION_INDEX]}; i=1; echo ${items[i]} ${items[i+1]} ${items[$((i + 3))]} ${items[$i*2]} ${items[-1]} ${items[-2]}
### all elements, quoted or not [bash]
a=("a b" c '' d); for x in "${a[@]}"; do echo "<$x>"; done; for x in ${a[@]}; do echo "($x)"; done; for x in "${a[*]}"; do echo "[$x]"; done
set -- "${a[@]}"; echo $#; set -- "x${a[@]}y"; echo $# "$1" "$4"; IFS=,; echo "${a[*]}"; y=${a[*]}; z="${a[@]}"; echo "$y|$z"
### empty arrays [bash]
a=(); echo ${#a[@]} "${a[@]}" "${a[0]-unset}"; set -- "${a[@]}"; echo $#; for x in "${a[@]}"; do echo never; done; set -- "${a[*]}"; echo $#; set -u; echo "${a[@]}" ok
### an unset element under set -u [bash]
set -u; a=(1); echo ${a[0]}; echo ${a[3]}
### appending [bash]
a=(x); a+=(y "z w"); a+=(q); echo ${#a[@]} "${a[3]}"; a+=more; echo ${a[0]}; a[1]+=suffix; echo ${a[1]}; a[9]=nine; a+=(ten); echo ${!a[@]}
### assigning elements [bash]
a[2]=two; a[0]=zero; echo ${a[@]} ${!a[@]} ${#a[@]}; i=5; a[i+1]=six; a[$i]=five; a[ 7 ]=seven; a[i + 3]=eight; echo "${a[@]}" "${!a[@]}"; a[-1]=last; echo ${a[8]}
### words with subscripts in the list [bash]
a=([3]=three four [1]=one two [10]="ten ten" [2+3]=five); for i in "${!a[@]}"; do echo "$i=${a[i]}"; done
### a list over lines, with comments [bash]
a=(
  one   # the first
  "two three"

  $(echo four five)
  *.nothing
)
echo ${#a[@]}; printf '<%s>\n' "${a[@]}"
### expansions in the list [bash]
touch f1 f2; x="p q"; a=($x "$x" f* {1..3} ~ $((2+3)) `echo b c`); printf '%s\n' "${#a[@]}" "${a[@]}"
### unset [bash]
a=(a b c d); unset 'a[1]'; echo ${a[@]} ${!a[@]} ${#a[@]}; unset a[2]; echo ${a[*]}; unset 'a[-1]'; echo ${!a[@]}; unset a; echo "${a[@]}" ${#a[@]}.
### slices [bash]
a=(a b c d e f); echo ${a[@]:1:2} "-${a[@]:4}-" ${a[@]: -2} ${a[@]: -3:2} ${a[@]:2:0}. ${a[*]:0:1} ${a[@]:9}. ${a[1]:0:1}; b=([2]=x [5]=y [9]=z); echo ${b[@]:3} ${b[@]:0:2}; n=2; echo ${a[@]:n:n+1}
### a slice of negative length [bash]
a=(a b c); echo ${a[@]:0:-1}; echo next
### operators on each element [bash]
a=(one.txt two.txt three.md); echo ${a[@]%.*} ${a[@]/t/T} ${a[@]//e/E} ${a[@]#*.} "${a[@]^}" ${a[@]^^} ${a[1]%.txt} ${a[0]/one/1}
### defaults [bash]
a=(x ''); echo ${a[0]:-d} ${a[1]:-d} ${a[2]:-d} ${a[1]-d}. ${a[@]:-none} ${b[@]:-none} ${b[@]+some}. ${a[@]+some} ${a[5]:=five} ${#a[@]} ${!a[@]}
### a message for an element [bash]
a=(1); echo ${a[4]:?no such thing}; echo next
### copying [bash]
a=("x y" z); b=("${a[@]}"); c=(${a[@]}); echo ${#b[@]} ${#c[@]}; b=(0 "${b[@]}" 9); echo "${b[@]}"; a=("${a[@]:1}"); echo "${a[@]}" ${#a[@]}
### a scalar is its own element [bash]
x=text; echo ${x[0]} ${x[@]} ${#x[@]} ${!x[@]} ${x[1]}.; x[1]=more; echo ${x[@]}; y=(a b); y=c; echo ${y[@]}
### arithmetic on elements [bash]
a=(1 2 3); ((a[1]+=10)); echo ${a[1]} $((a[0]+a[1]*a[2])) $((a[a[0]])); let a[2]++; echo ${a[2]}; for ((i=0; i<${#a[@]}; i++)); do echo -n "${a[i]} "; done; echo $((${#a[@]}-1)) ; s=0; for n in "${a[@]}"; do ((s+=n)); done; echo $s; i=0; a[i++]=7; echo $i ${a[0]}; ((a[5]=4)); echo ${!a[@]}
### bad subscripts [bash]
a=(1 2); echo ${a[-5]}; echo status $?; a[-5]=x; echo status $?; echo ${a[]}
### bad subscripts, once more [bash]
a=(1 2); b[-1]=x; echo $?; unset 'a[-9]'; echo $?
### read -a [bash]
read -a a <<< "one two  three"; echo ${#a[@]} ${a[2]}; IFS=: read -ra b <<< "a:b c::d"; printf '<%s>' "${b[@]}"; echo; IFS=, read -r -a c <<< ""; echo ${#c[@]}; echo "x y" | { read -a d; echo ${d[1]}; }; read -r a[3] <<< val; echo ${a[3]}
### mapfile [bash]
printf 'a b\nc\n\nlast' > f; mapfile -t l < f; echo ${#l[@]}; printf '<%s>' "${l[@]}"; echo; mapfile l < f; printf '<%s>' "${l[@]}"; echo; readarray -t -n 2 l < f; echo "${l[@]}"; mapfile -t -s 1 l < f; echo "${l[0]}"; mapfile -t < f; echo ${MAPFILE[1]}; mapfile -t -O 2 l < f; echo ${!l[@]}
mapfile -t -d : p <<< "x:y:z"; printf '<%s>' "${p[@]}"
### mapfile with mistakes [bash]
mapfile -x a; echo $?; mapfile 1a; echo $?; mapfile -n x a; echo $?
### a while loop fills one [bash]
a=(); while read -r l; do a+=("$l"); done < <(printf '1\n2 3\n'); echo ${#a[@]} "${a[1]}"
### passing to functions [bash]
f() { local -a own=("$@"); echo ${#own[@]} "${own[1]}"; own[0]=changed; echo ${own[0]}; }; own=(outer); f a "b c" d; echo ${own[@]}
g() { local x=(1 2 3); x+=(4); echo ${x[@]}; }; g; echo "${x[@]}."
### declare -a [bash]
declare -a a; echo ${#a[@]}; declare -a b=(1 "2 3"); echo ${b[1]}; declare -p b; declare -p a; a[0]=x; declare -p a; declare -a | grep ' b='; declare -ar c=(1); c[0]=2; echo $? ${c[0]}; readonly -a d=(x y); d+=(z); echo ${d[@]}
### declare -p [bash]
x=1; export y='a b'; readonly z='q"u$o`te\'; declare -i n=5+2; declare -p x y z n nothing; echo $?; declare -A m=([k]="v w"); declare -p m; a=([1]=$'new\nline' [0]="it's"); declare -p a; e=(); declare -p e; declare -A f=(); declare -p f; declare u; declare -p u
### associative arrays, all of it [bash]
declare -A m=([one]=1 [two]=2 ["with space"]=3 [four]=4); echo ${m[one]} ${m["with space"]} ${#m[@]}; k=two; echo ${m[$k]}; m[five]=5; m[$k]+=2; echo "${m[two]}"; for k in "${!m[@]}"; do echo "$k -> ${m[$k]}"; done; unset 'm[one]'; echo ${m[one]-gone} ${#m[@]}; echo "${m[@]}"; [[ -v m[four] ]] && echo has; [[ -v m[six] ]] || echo lacks
### the order of keys [bash]
declare -A m; for k in alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho; do m[$k]=${#k}; done; echo ${!m[@]}; echo ${m[@]}; m+=([sigma]=5 [alpha]=A); echo ${!m[@]}
### counting words [bash]
declare -A n; for w in a b a c b a; do ((n[$w]++)); done; for w in a b c; do echo $w ${n[$w]}; done; let n[z]+=2; echo ${n[z]} $((n[a] + n[z]))
### an associative array needs subscripts [bash]
declare -A m; m=(x 1 y 2); echo ${m[x]} ${m[y]}; m=(z); echo ${#m[@]}; m[]=q; echo $?
### associative after indexed [bash]
a=(1 2); declare -A a; echo $?; declare -A h; declare -a h; echo $?
### indices that are no numbers [bash]
a=(x y z); unknown=; echo ${a[unknown]} ${a[nothing]} ${a["1"]}; n=1x; echo ${a[n]}; echo next
### indirect [bash]
a=(p q r); n='a[1]'; echo ${!n}; n='a[@]'; echo "${!n}"; show() { local n="$1[@]"; printf '<%s>' "${!n}"; echo; }; show a
### names by prefix [bash]
my_a=1 my_b=(2) my_c=; echo ${!my_*} "${!my_@}"
### namerefs [bash]
a=(1 2); f() { local -n r=$1; r+=(3); echo ${#r[@]} ${r[2]}; r[0]=x; }; f a; echo ${a[@]}; declare -n s=v; s=5; echo $v $s
### where it runs [bash]
echo ${BASH_SOURCE[0]} ${BASH_SOURCE}; f() { echo ${FUNCNAME[0]} ${FUNCNAME[@]} ${#FUNCNAME[@]}; }; g() { f; }; g; f; echo ${#FUNCNAME[@]}; echo ${#BASH_VERSINFO[@]} ${BASH_VERSINFO[0]}
### pipes and their statuses [bash]
false | true | (exit 3); echo "${PIPESTATUS[@]}"; echo ${PIPESTATUS[@]}; true | false; s=("${PIPESTATUS[@]}"); echo ${#s[@]} ${s[1]}; ! false | true; echo ${PIPESTATUS[0]}; (exit 4); echo $PIPESTATUS; if false; then :; fi; echo ${PIPESTATUS[@]}
### what a regular expression caught [bash]
[[ "key=some value" =~ ^([a-z]+)=(.*)$ ]] && echo "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${#BASH_REMATCH[@]}" "$BASH_REMATCH"; [[ x =~ (y)? ]]; echo $? ${#BASH_REMATCH[@]}; [[ x =~ z ]]; echo $? ${#BASH_REMATCH[@]}; v=1.22.3; [[ $v =~ ([0-9]+)\.([0-9]+) ]]; echo ${BASH_REMATCH[2]}
### a list where no list can be [bash]
echo a=(b)
### a list for an element [bash]
a[0]=(b); echo $?
### an unclosed list [bash]
a=(x y
echo never
### an operator in a list [bash]
a=(x | y)
### traces [bash]
set -x; a=(x "y z"); a[1]=q; a+=(w); echo "${a[@]}"; declare -a b=(1 2); b[1+1]=3
### set shows them [bash]
zz=(1 "2 3"); declare -A zy=([k]=v); set | grep '^z[yz]='
### an environment without arrays [bash]
export a=(1 2); env | grep ^a; echo ${a[1]}; b=(3); export b; env | grep ^b; echo ok
### quoted list elements that look like indices [bash]
a=("[1]=x" '[2]'=y [z]=q); echo "${a[@]}" ${!a[@]}
### stacks and queues [bash]
s=(); s+=(1); s+=(2); s+=(3); echo ${s[-1]}; unset 's[-1]'; echo ${s[@]}; q=(a b c); q=("${q[@]:1}"); echo ${q[0]}; r=("new" "${q[@]}"); echo ${r[@]}; last=${#r[@]}; echo ${r[last-1]}
### splitting by IFS [bash]
csv=a,b,,c; IFS=, a=($csv); echo ${#a[@]}; IFS=$' \t\n'; l=(${csv//,/ }); echo ${#l[@]}; IFS=',' read -ra parts <<< "$csv"; echo ${#parts[@]} "${parts[3]}"
### membership [bash]
a=(red green blue); for x in green pink; do if [[ " ${a[*]} " == *" $x "* ]]; then echo "$x yes"; else echo "$x no"; fi; done
### join [bash]
join() { local IFS=$1; shift; echo "$*"; }; a=(a b c); join , "${a[@]}"; printf -v s '%s;' "${a[@]}"; echo ${s%;}; printf -v a[1] %03d 7; echo ${a[@]}
### sorted [bash]
a=(c a b); IFS=$'\n' s=($(sort <<< "${a[*]}")); echo "${s[@]}" ${#s[@]}; sorted=($(printf '%s\n' "${a[@]}" | sort)); unset IFS; echo ${sorted[@]}
### nested in a subshell [bash]
a=(1 2); (a+=(3); echo ${#a[@]}); echo ${#a[@]}; x=$(a=(9); echo ${a[0]}); echo $x ${a[0]}
### commands from arrays [bash]
cmd=(printf '%s|' "a b" c); "${cmd[@]}"; echo; opts=(-n); cmd=(echo "${opts[@]}" hi); "${cmd[@]}"; echo
### @Q and its like [bash]
x="it's"; echo ${x@Q}; a=(a "b c"); echo "${a[@]@Q}"; y=abc; echo ${y@U} ${y@u} ${a[@]@U}; z=ABC; echo ${z@L}; echo ${y@A} ; echo ${a[@]@A}
### getopts into one [bash]
set -- -f a -f b; f=(); while getopts f: o; do f+=("$OPTARG"); done; echo ${f[@]} ${#f[@]}
### a reference to itself [bash]
declare -n r=r; echo $? "[$r]"; declare -n p=q; q=1; echo $p
