/* An infusion pump, made from docs/protocol.md alone: open mode, on a pseudo-terminal whose path is the first line of
 * stdout; it ends with SIGTERM or with its stdin. Key slots and staging it lacks (UNKNOWN_OPCODE); all else it has,
 * though nothing ever alarms it. Built with -DWRONG_... it makes that one mistake. Numbers in headings are sections. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { UNKNOWN_OPCODE = 1, MALFORMED, OUT_OF_RANGE, NOT_IN_THIS_MODE };                                     /* Reason */
enum { MONITORING = 2, SERVICE };                                                                             /* Mode */
enum { BOOTED = 1, SELF_TEST_PASSED, MODE_CHANGED = 4, REFILL_BEGUN = 32, RETURNED_VOLUME, FILL_VOLUME, DRUG_SET,
       REFILL_COMPLETED, REFILL_CANCELLED = 38, CLOCK_SET = 48, CONFIGURATION_COMMITTED };               /* EventKind */
enum { CAPACITY = 1, RESIDUAL, DEBOUNCE_N = 10, DEBOUNCE_M, OUTLET_LOW = 14, SETTINGS = 32 };              /* Settings */
enum { KEPT = 1024, SAMPLE = 1000, HOUR = 3600000, DAY = 24 * HOUR, BOOT_COUNT = 1, ALARM_BITS = 18, FLOW = 1000000 };

typedef struct { uint8_t at[528]; size_t n; } Bytes;
typedef struct { int64_t temperature, reservoir, outlet, ambient, bellows, battery; } Sensors;

static int32_t settings[SETTINGS] = {
    FLOW, 30000000, 1500000, 2000000, 48, 1600000, 300000, 150, 150, 50, 3, 4, 200, 20000, -5000, 1000,
    20000, 41000, 500, 70000, 120000, 2000, 500000, 5000, 2600, 2400, 50, 60000, 1500000, 150, 5, DAY};
static uint32_t generation = 1, sample_count, refills, accepted, rejected, repeated, returned_nl, filled_nl;
static int64_t started_ms, clock_offset_ms, volume_nl = 25000000, volume_ms, refill_ms;     /* volume_nl at volume_ms */
static Sensors sensed;
static int mode, test_wanted, line;
static struct { uint32_t period_s, left, number, seq; int64_t due_ms; } subscription;
static const uint8_t *body;                       /* of the telecommand that is carried out; then what comes of it: */
static Bytes out;
static uint32_t reason, detail;
static void refuse(uint32_t why, uint32_t what) { reason = why; detail = what; }

/* ---- integers, time, SHA-256 ---- */

static void put_bytes(Bytes *to, const void *bytes, size_t n) { memcpy(to->at + to->n, bytes, n); to->n += n; }
static void put(Bytes *to, int64_t value, int size) {
#ifdef WRONG_ENDIAN
    value = (int64_t)(__builtin_bswap64((uint64_t)value) >> (64 - 8 * size));
#endif
    while (size--) to->at[to->n++] = (uint8_t)(value >> 8 * size);
}

#define PUT(to, sizes, ...)                                                          /* each value, with its size */ \
    do { const int64_t v[] = {__VA_ARGS__}; for (int i = 0; sizes[i]; i++) put(to, v[i], sizes[i] - '0'); } while (0)
static uint64_t get(const uint8_t *from, int size) {
    uint64_t value = 0;
    while (size--) value = value << 8 | *from++;
    return value;
}
static int64_t uptime(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000 + t.tv_nsec / 1000000 - started_ms;
}
static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }
static void sha256(const Bytes *of, uint8_t first[16]) {          /* of up to 119 bytes; the digest's first half */
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
        0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
        0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
        0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
        0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
        0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], v[8];
    uint32_t h[] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t block[128] = {0}, *end = block + (of->n < 56 ? 64 : 128);
    memcpy(block, of->at, of->n);
    block[of->n] = 0x80;
    end[-2] = (uint8_t)(of->n >> 5);
    end[-1] = (uint8_t)(of->n << 3);
    for (const uint8_t *at = block; at < end; at += 64) {
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 64; i++) {
            w[i] = i < 16 ? (uint32_t)get(at + 4 * i, 4)
                 : w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7]
                   + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
            uint32_t a = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) + (v[6] ^ (v[4] & (v[5] ^ v[6])));
            uint32_t b = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) + ((v[0] & v[1]) | (v[2] & (v[0] | v[1])));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += a + k[i] + w[i];
            v[0] = a + k[i] + w[i] + b;
        }
        for (int i = 0; i < 8; i++) h[i] += v[i];
    }
    for (int i = 0; i < 16; i++) first[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

/* ---- logs (4) ---- */

typedef struct { uint32_t next, anew; uint8_t before[KEPT][16]; Bytes record[KEPT]; } Log;   /* `before`: the chain */
static Log events = {.anew = UINT32_MAX}, history = {.anew = 24};

static void chain_after(const Log *log, uint32_t seq, uint8_t chain[16]) {
    Bytes linked = {.n = 0};
    put_bytes(&linked, log->before[seq % KEPT], 16);
    put_bytes(&linked, log->record[seq % KEPT].at, log->record[seq % KEPT].n);
    sha256(&linked, chain);
}
static void append(Log *log, const Bytes *record) {
    uint32_t seq = log->next++;
    log->record[seq % KEPT] = *record;
    chain_after(log, seq, log->before[log->next % KEPT]);
    if (log->next % log->anew == 0) memset(log->before[log->next % KEPT], 0, 16);
}

static void read_log(const Log *log, uint32_t most) {
    uint32_t from = (uint32_t)get(body, 4), count = body[4] < most ? body[4] : most, end = log->next;
    uint32_t first = end < KEPT ? 0 : end - KEPT + 1;
    uint8_t chain[16];
    if (from > end) { refuse(OUT_OF_RANGE, end); return; }
    if (from < first) from = first;
    if (count > end - from) count = end - from;
    memcpy(chain, log->before[from % KEPT], 16);
    PUT(&out, "44", first, end);
    put_bytes(&out, chain, 16);
    put(&out, count, 1);
    for (; count; count--, from++) {
        put_bytes(&out, log->record[from % KEPT].at, log->record[from % KEPT].n);
        chain_after(log, from, chain);
    }
    put_bytes(&out, chain, 16);
}

static void event(int kind, uint32_t what, int64_t value) {
    Bytes record = {.n = 0};
    int64_t now = uptime();
    PUT(&record, "4488128", events.next, BOOT_COUNT, now, now + clock_offset_ms, kind, what, value);
    append(&events, &record);
}
static void enter(int new_mode) { event(MODE_CHANGED, mode = new_mode, 0); }

/* ---- what the pump measures ---- */

static int64_t volume_now(void) {
    int64_t volume = volume_nl - (uptime() - volume_ms) * FLOW / DAY;
    return volume > 0 ? volume : 0;
}
static int64_t flow(void) { return volume_now() > settings[RESIDUAL] ? FLOW : 0; }
static Sensors sense(void) {
    int64_t x = uptime() / 250 * 7919 % 41 - 20;                                                           /* noise */
    return (Sensors){37000 + x, 252000 + 9 * x, 1900 + 5 * x, 101325 + x, volume_now(), 2950 + x / 10};
}
static void sample(void) {
    sensed = sense();
    sample_count++;
    if (test_wanted) event(SELF_TEST_PASSED, test_wanted = 0, 0);
}
static void hour_ends(void) {
    Bytes record = {.n = 0};
    PUT(&record, "4844144444", history.next, (history.next + 1) * (int64_t)HOUR, sensed.bellows, flow(), 1,
        sensed.temperature, sensed.reservoir, sensed.outlet, sensed.ambient, 0);
    append(&history, &record);
}

/* ---- telecommands (7): each finds `body` well formed, and puts its answer's body or sets `reason` ---- */

static void identify(void) {
    static const char names[16 + 24] = "IND-000271\0\0\0\0\0\0generic-30ml";
    PUT(&out, "18", 1, 0x1c4107e65bd238af);
    put_bytes(&out, names, sizeof names);
    PUT(&out, "1114", 1, 0, 0, BOOT_COUNT);
}

static void read_status(void) {
    int64_t now = uptime();
    PUT(&out, "884144444424414", now + clock_offset_ms, now, BOOT_COUNT, mode, 0, sample_count, sensed.temperature,
        sensed.reservoir, sensed.outlet, sensed.ambient, sensed.battery, sensed.bellows, flow(), sample_count > 1,
        history.next);
}

static void read_history(void) { read_log(&history, 9); }
static void read_events(void) { read_log(&events, 11); }
static void set_clock(void) {
    int64_t wanted = (int64_t)get(body, 8), before = uptime() + clock_offset_ms;
    if (wanted < 0) { refuse(OUT_OF_RANGE, 0); return; }
    PUT(&out, "88", before, wanted);
    clock_offset_ms += wanted - before;
    event(CLOCK_SET, 0, wanted - before);
}

static void put_sensors(Sensors s) {
    PUT(&out, "444442", s.temperature, s.reservoir, s.outlet, s.ambient, s.bellows, s.battery);
}
static void read_measurements(void) { PUT(&out, "48", sample_count, uptime()); put_sensors(sensed); }
static void read_raw_sensors(void) { put_sensors(sense()); }
static void subscribe(void) {
    subscription.period_s = (uint32_t)get(body, 2);
    subscription.left = subscription.period_s ? (uint32_t)get(body + 2, 2) : 0;
    subscription.number = 0;
    subscription.due_ms = uptime() + subscription.period_s * 1000;
    subscription.seq = (uint32_t)get(out.at, 2);
    put_bytes(&out, body, 4);
}

static void read_alarms(void) { put(&out, 0, 1); }
static void acknowledge_alarms(void) { PUT(&out, "44", 0, 0); }
static void read_configuration(void) {
    put(&out, generation, 4);
    for (int i = 0; i < SETTINGS; i++) put(&out, settings[i], 4);
}
static void write_configuration(void) {
    int32_t to[SETTINGS];
    for (int i = 0; i < SETTINGS; i++) to[i] = (int32_t)get(body + 4 * i, 4);
    for (int i = SETTINGS - 1; i >= 0; i--)
        if ((to[i] < 0 && i != OUTLET_LOW) || (i == DEBOUNCE_M && (to[i] < 1 || to[i] > 24))
            || (i == DEBOUNCE_N && (to[i] < 1 || to[i] > to[DEBOUNCE_M]))) refuse(OUT_OF_RANGE, (uint32_t)i);
    if (reason) return;
    memcpy(settings, to, sizeof settings);
    event(CONFIGURATION_COMMITTED, 0, ++generation);
    put(&out, generation, 4);
}

static void begin_refill(void) {
    refill_ms = uptime();
    returned_nl = filled_nl = 0;
    event(REFILL_BEGUN, 0, volume_now());
    enter(SERVICE);
    put(&out, volume_now(), 4);
}
static void report(int kind, uint32_t *total) {
    uint32_t volume = (uint32_t)get(body, 4);
    if (volume > (uint32_t)settings[CAPACITY] || *total + volume < volume) { refuse(OUT_OF_RANGE, 0); return; }
    event(kind, 0, volume);
    put(&out, *total += volume, 4);
}
static void report_returned(void) { report(RETURNED_VOLUME, &returned_nl); }
static void report_filled(void) { report(FILL_VOLUME, &filled_nl); }
static void set_drug(void) {
    event(DRUG_SET, body[0], (int64_t)get(body + 1, 4));
    put(&out, body[0], 1);
}
static void complete_refill(void) {
    int64_t mean = refills++ ? flow() : 0, left = volume_now() - returned_nl, full = (left > 0 ? left : 0) + filled_nl;
    volume_nl = full < settings[CAPACITY] ? full : settings[CAPACITY];
    volume_ms = uptime();
    event(REFILL_COMPLETED, 0, mean);
    enter(MONITORING);
    put(&out, mean, 4);
}

static void end_refill(int by_itself) { event(REFILL_CANCELLED, by_itself, 0); enter(MONITORING); }
static void cancel_refill(void) { end_refill(0); }
static void start_self_test(void) { test_wanted = 1; put(&out, events.next, 4); }
static void read_diagnostics(void) {
    PUT(&out, "48444", BOOT_COUNT, uptime(), refills, events.next, history.next);
    PUT(&out, "44444", 0, accepted, rejected, repeated, 0);
}

typedef struct { uint8_t opcode, changes_state; int only_in; size_t length; void (*carry_out)(void); } Command;
static const Command commands[] = {
    {0x01, 0, 0, 0, identify},            {0x02, 0, 0, 0, read_status},         {0x03, 0, 0, 5, read_history},
    {0x04, 1, 0, 8, set_clock},           {0x05, 0, 0, 0, read_measurements},   {0x06, 0, 0, 4, subscribe},
    {0x07, 0, 0, 0, read_alarms},         {0x08, 1, 0, 4, acknowledge_alarms},  {0x09, 0, 0, 5, read_events},
    {0x0a, 0, 0, 0, read_configuration},  {0x0b, 1, 0, 128, write_configuration},
    {0x20, 1, MONITORING, 0, begin_refill},    {0x21, 1, SERVICE, 4, report_returned},
    {0x22, 1, SERVICE, 4, report_filled}, {0x23, 1, SERVICE, 5, set_drug}, {0x24, 1, SERVICE, 0, complete_refill},
    {0x25, 1, SERVICE, 0, cancel_refill}, {0x28, 1, MONITORING, 0, start_self_test},
    {0x30, 0, 0, 0, read_diagnostics},    {0x31, 0, 0, 0, read_raw_sensors}};

/* ---- payloads (2) and frames (1) ---- */

static uint32_t crc32c(const uint8_t *from, size_t n) {
    uint32_t crc = UINT32_MAX;
    while (n--) {
        crc ^= *from++;
        for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void transmit(const Bytes *payload) {
    Bytes frame = {.at = {1, 0}, .n = 2}, wire = {.n = 1};
    put_bytes(&frame, payload->at, payload->n);
    uint32_t crc = crc32c(frame.at, frame.n);
#ifdef WRONG_CRC
    crc ^= 1;
#endif
    for (int shift = 24; shift >= 0; shift -= 8) put(&frame, crc >> shift, 1);
    size_t count = 0;                                             /* where the count of the present run will stand */
    for (size_t i = 0; i < frame.n; i++) {
        if (frame.at[i]) put(&wire, frame.at[i], 1);
        if (frame.at[i] && (wire.n - count < 255 || i + 1 == frame.n)) continue;
        wire.at[count] = (uint8_t)(wire.n - count);
        count = wire.n++;
    }
    wire.at[count] = (uint8_t)(wire.n - count);
    put(&wire, 0, 1);
    if (write(line, wire.at, wire.n) < 0) return;                         /* nobody listens, for long: it is lost */
}

static void notify(int64_t now) {
    out.n = 0;
    PUT(&out, "2121448", subscription.seq, 0xc0, subscription.number++, mode, 0, sample_count, now);
    put_sensors(sensed);
    subscription.left--;
    subscription.due_ms += subscription.period_s * 1000;
    transmit(&out);
}

static void handle(const uint8_t *payload, size_t n) {
    static struct { Bytes asked, answer; } memory[16], *slot = memory;
    const Command *command = NULL;
    if (n < 3) return;
#ifndef WRONG_TELEMETRY
    if (payload[2] >= 0x80) return;
#endif
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].opcode == payload[2]) command = commands + i;
#ifdef WRONG_ERRORS
    if (!command) return;
#endif
#ifdef WRONG_LATE
    sleep(2);
#endif
#ifndef WRONG_REPEAT
    for (int i = 0; i < 16; i++)
        if (n == memory[i].asked.n && !memcmp(payload, memory[i].asked.at, n)) {
            repeated++;
            transmit(&memory[i].answer);
            return;
        }
#endif
#ifdef WRONG_SEQUENCE
    if (accepted == 1)
#endif
    memcpy(out.at, payload, 2);
    out.n = 2;
    reason = detail = 0;
    put(&out, payload[2] | 0x80, 1);
    body = payload + 3;
    if (!command) refuse(UNKNOWN_OPCODE, payload[2]);
    else if (n - 3 != command->length) refuse(MALFORMED, payload[2]);
    else if (payload[2] == 0x08 && get(body, 4) >> ALARM_BITS) refuse(MALFORMED, payload[2]);
    else if (command->only_in && command->only_in != mode) refuse(NOT_IN_THIS_MODE, 0);
    else command->carry_out();
    if (reason) { out.n = 2; PUT(&out, "114", 0xff, reason, detail); }
    if (command && command->changes_state && reason != MALFORMED) {
        slot->asked.n = 0;
        put_bytes(&slot->asked, payload, n);
        slot->answer = out;
        if (++slot == memory + 16) slot = memory;
    }
    transmit(&out);
}

static void receive(uint8_t byte) {
    static uint8_t at[520];                                      /* one more than a frame has: then it is too long */
    static size_t n;
    if (byte && n < sizeof at) at[n++] = byte;
    if (byte || !n) return;
    size_t length = 0, whole = n < sizeof at;
    for (size_t i = 0; i < n && whole;) {
        size_t run = at[i++] - 1u;
        whole = i + run <= n;
        if (whole) memmove(at + length, at + i, run);
        length += run;
        i += run;
        if (run < 254 && i < n) at[length++] = 0;
    }
    n = 0;
    whole = whole && length >= 6 && get(at, 2) == 0x0100;
    whole = whole && length <= 516 && crc32c(at, length - 4) == get(at + length - 4, 4);
    whole ? accepted++ : rejected++;
    if (whole) handle(at + 2, length - 6);
}

int main(void) {
    struct termios raw;
    started_ms = uptime();
    clock_offset_ms = (int64_t)time(NULL) * 1000;                    /* once: from here on the clock is monotonic */
    event(BOOTED, 0, 0);
    event(SELF_TEST_PASSED, 0, 0);
    enter(MONITORING);
    line = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (line < 0 || grantpt(line) || unlockpt(line)) return 1;
    int slave = open(ptsname(line), O_RDWR | O_NOCTTY);                    /* stays open: programmers may come and go */
    if (slave < 0 || tcgetattr(slave, &raw) || (cfmakeraw(&raw), tcsetattr(slave, TCSANOW, &raw))) return 1;
    printf("%s\n", ptsname(line));
    fflush(stdout);
    for (;;) {
        int64_t now = uptime();
        uint8_t got[256];
        struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = line, .events = POLLIN}};
        while (sample_count * (int64_t)SAMPLE <= now) sample();
        while ((history.next + 1) * (int64_t)HOUR <= now) hour_ends();
        if (mode == SERVICE && now - refill_ms > HOUR) end_refill(1);
        if (subscription.left && subscription.due_ms <= now) notify(now);
        poll(ends, 2, 50);
        if (ends[0].revents && read(STDIN_FILENO, got, sizeof got) <= 0) return 0;
        ssize_t n = ends[1].revents ? read(line, got, sizeof got) : 0;
        for (ssize_t i = 0; i < n; i++) receive(got[i]);
    }
}
