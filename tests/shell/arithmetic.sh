### operators
echo $((1+2)) $((7-10)) $((3*4)) $((7/2)) $((7%3)) $((-7/2)) $((-7%3))
### precedence
echo $((1+2*3)) $(((1+2)*3)) $((2*3%4)) $((10-2-3)) $((1<<2+1))
### comparison
echo $((1<2)) $((2<=2)) $((3>4)) $((3>=4)) $((1==1)) $((1!=1))
### logic
echo $((1&&0)) $((1||0)) $((!5)) $((!0)) $((0||0)) $((2&&3))
### bits
echo $((6&3)) $((6|3)) $((6^3)) $((~0)) $((1<<10)) $((1024>>3)) $((-1>>1))
### ternary
x=5
echo $((x>3?10:20)) $((x<3?1:x<6?2:3))
### assignment operators
x=5
echo $((x+=2)) $x $((x-=1)) $((x*=3)) $((x/=2)) $((x%=4)) $((x<<=3)) $((x>>=1)) $((x|=3)) $((x&=6)) $((x^=1)) $x
### plain assignment
echo $((y=4)) $y $((a=b=3)) $a $b
### variables with and without dollar
x=7
echo $((x)) $(($x)) $((x+x)) $(($x*x)) $((${x}+1))
### unset and empty are zero
e=
echo $((nope)) $((nope+1)) $((e+1))
### increments [ash bash]
i=5
echo $((i++)) $i $((++i)) $i $((i--)) $((--i)) $i
### power [ash bash]
echo $((2**10)) $((3**0)) $((2**3**2))
### comma [ash bash]
echo $((1,2)) $((x=3,x+1))
### number bases
echo $((0x1f)) $((017)) $((0XfF))
### base notation [ash bash]
echo $((2#1010)) $((16#ff)) $((36#z))
### negative and double signs
echo $((-5)) $((- -5)) $((+5)) $((-(3))) $((1 - -1))
### spaces and newlines
echo $((  1 +
 2  )) $((1+ 2 ))
### quotes inside
echo $(("1"+2))
### nested parens and expressions
echo $(( ( (1) + ((2)) ) * 3 ))
### nested arithmetic
echo $((1 + $((2 * $((3))))))
### overflow wraps
echo $((9223372036854775807+1))
### large literal
echo $((9223372036854775807))
### division by zero
echo a
echo $((1/0))
echo b
### division by zero in a variable
x=0
(echo $((5/x))); echo $?
(echo $((5%x))); echo $?
### short circuit avoids division
echo $((0 && 1/0)) $((1 || 1/0)) $((1 ? 2 : 1/0))
### syntax error: missing operand
echo $((1+))
echo after
### syntax error: two operands
echo $((1 2))
echo after
### syntax error: bad number [dash bash]
echo $((08))
echo after
### bad name characters
x=abc-
(echo $((x+1))) 2>/dev/null; echo $?
### value of a variable that is an expression [bash]
x='1+2'
echo $((x*2))
### value of a variable that is no number [dash]
x=abc
echo $((x+1))
echo after
### value with spaces
x=' 12 '
echo $((x+1))
### loop counter
i=0
while [ $i -lt 5 ]; do i=$((i+1)); done
echo $i
### in a condition
if [ $((5%2)) -eq 1 ]; then echo odd; fi
### double parentheses command [bash]
((1)); echo $?; ((0)); echo $?; x=3; ((x++)); echo $x; ((x > 3)) && echo yes
### let [ash bash]
let x=1+2 y=x*2; echo $x $y; let 0; echo $?; let 'z = 5'; echo $z
### for with arithmetic [bash]
for ((i=0; i<3; i++)); do echo $i; done
for ((;;)); do break; done; echo $i
### arithmetic is not split when quoted
IFS=1; echo $((10+1)) "$((10+1))"
### parameter expansion inside
x=abc
echo $((${#x}+1)) $((${y:-5}*2)) $(( ${x:+3} ))
### readonly in arithmetic
readonly r=1
(echo $((r=2))) 2>/dev/null; echo $?
### set -u in arithmetic
set -u
(echo $((nope+1))) ; echo $?
### dollar paren paren as a subshell
echo $((echo a); (echo b))
### unterminated arithmetic
echo $((1+2
### empty expression
echo "[$(())]"
### missing paren
echo $(((1+2))
