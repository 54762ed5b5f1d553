//! A server and its client, as a person meets them in a container.

use super::commands::glob;
use crate::programs::testing::World;

/// What a script prints on both outputs beside a server on port 6379.
fn told(world: &World, script: &str) -> String {
    let script = format!("cd /tmp; redis-server >log & sleep 1; exec 2>&1; {script}");
    let ran = world.run(&["sh", "-c", &script], "");
    assert_eq!(ran.code, Some(0), "{script}: {ran:?}");
    ran.stdout
}

#[test]
fn values_of_each_kind() {
    let world = World::new();
    for (command, expected) in [
        ("ping", "PONG"),
        ("ping hi", "\"hi\""),
        ("set a 1", "OK"),
        ("incr a", "(integer) 2"),
        ("append a x", "(integer) 2"),
        ("incr a", "(error) ERR value is not an integer or out of range"),
        ("get a", "\"2x\""),
        ("get nothing", "(nil)"),
        ("set a 5 XX GET", "\"2x\""),
        ("set a 6 NX", "(nil)"),
        ("set b 1 EX 10", "OK"),
        ("set b 1 EX 10 >/dev/null; redis-cli --no-raw ttl b", "(integer) 10"),
        ("ttl a", "(integer) -1"),
        ("ttl nothing", "(integer) -2"),
        ("set b 1 EX 0", "(error) ERR invalid expire time in 'set' command"),
        ("lpush l x y", "(integer) 2"),
        ("rpush l z", "(integer) 3"),
        ("lrange l 0 -1", "1) \"y\"\n2) \"x\"\n3) \"z\""),
        ("lpop l", "\"y\""),
        ("incr l", "(error) WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("hset h f v g w", "(integer) 2"),
        ("hgetall h", "1) \"f\"\n2) \"v\"\n3) \"g\"\n4) \"w\""),
        ("sadd s b a b", "(integer) 2"),
        ("smembers s", "1) \"a\"\n2) \"b\""),
        ("zadd z 2 two 1 one", "(integer) 2"),
        ("zrange z 0 -1 withscores", "1) \"one\"\n2) \"1\"\n3) \"two\"\n4) \"2\""),
        ("smembers none", "(empty array)"),
        ("exists none", "(integer) 0"),
        ("type l", "list"),
        ("keys '[lh]'", "1) \"h\"\n2) \"l\""),
        ("del a b nothing", "(integer) 1"),
        ("dbsize", "(integer) 4"),
        ("get", "(error) ERR wrong number of arguments for 'get' command"),
        ("foo bar", "(error) ERR unknown command 'foo', with args beginning with: 'bar' "),
        ("select 99", "(error) ERR DB index is out of range"),
        ("config get maxmemory", "1) \"maxmemory\"\n2) \"0\""),
    ] {
        let script = format!("redis-cli --no-raw {command}; redis-cli shutdown");
        assert_eq!(told(&world, &script).trim_end_matches('\n'), expected.trim_end_matches('\n'), "{command}");
    }
}

#[test]
fn the_log_and_the_end() {
    let world = World::new();
    let script = "redis-cli set a b; redis-cli get a; kill $!; wait; sed 's/ [0-9].*[.]000 / /' log; redis-cli get a";
    assert_eq!(
        told(&world, &format!("{script}; true")),
        "OK\nb\n\
         3:C # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n\
         3:C # Redis version=7.0.15, bits=64, commit=00000000, modified=0, pid=3, just started\n\
         3:C # Warning: no config file specified, using the default config. In order to specify a config file use \
         redis-server /path/to/redis.conf\n\
         3:M * monotonic clock: POSIX clock_gettime\n\
         3:M * Running mode=standalone, port=6379.\n\
         3:M # Server initialized\n\
         3:M * Ready to accept connections\n\
         3:signal-handler (1700000001) Received SIGTERM scheduling shutdown...\n\
         3:M * User requested shutdown...\n\
         3:M * Saving the final RDB snapshot before exiting.\n\
         3:M * DB saved on disk\n\
         3:M # Redis is now ready to exit, bye bye...\n\
         Could not connect to Redis at 127.0.0.1:6379: Connection refused\n"
    );
}

#[test]
fn a_full_memory() {
    let world = World::new();
    let script = "redis-cli config set maxmemory 1; redis-cli set a b; redis-cli config set maxmemory-policy allkeys-lru; \
                  redis-cli set a b; redis-cli config set maxmemory 2mb; redis-cli config get maxmemory; redis-cli set a b";
    assert_eq!(
        told(&world, script),
        "OK\nOOM command not allowed when used memory > 'maxmemory'.\n\nOK\nOOM command not allowed when used memory > \
         'maxmemory'.\n\nOK\nmaxmemory\n2097152\nOK\n"
    );
}

#[test]
fn nobody_listens() {
    let ran = World::new().run(&["redis-cli", "-p", "7777", "ping"], "");
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        ("Could not connect to Redis at 127.0.0.1:7777: Connection refused\n", Some(1))
    );
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("h?llo", "hello", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[a-b]llo", "hbllo", true),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ("[", "[", true),
    ] {
        assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}
