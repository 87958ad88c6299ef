/* One job over two parts: its coordinator and the parts send each other wishes and news. A message may get lost, come
 * late, twice and in any order: what was sent lies in a set, from which it is taken any number of times or never. Commits
 * are refused, somebody cancels, and the process is killed and starts again. As in src/core/jobs/job_lifecycle.cpp,
 * job_wishes.cpp, job_shard.cpp and jobs.cpp.
 *
 * Checked in every state: a running job has the devices that it began with; a method is sent at most once, and never for
 * a job whose start is not on disk; a job ends as completed when each part has ended; what was discarded stays so; and
 * no state is left in which nothing can happen before the job has ended. Each of the rules below, taken out by its
 * macro, breaks that:
 *
 *   NO_SET          answers of parts are counted, not noted by part
 *   ANY_ATTEMPT     the coordinator takes what was prepared for an earlier attempt
 *   OLD_PREPARE     a part obeys a wish of an earlier attempt
 *   OLD_DISCARD     a part discards what an earlier attempt does not want any more
 *   PREPARE_AGAIN   a part forgets that an attempt is over
 *   TELL_EARLY      a part tells what it has prepared before that is on disk
 *   BEGIN_EARLY     the parts begin before the start is on disk
 *   NO_INTENT       a method leaves before it is on disk that it will
 *   SEND_UNKNOWN    after a start, methods whose outcome is not known are sent again
 *   SAY_ONCE        the coordinator does not say again what is not answered
 *   ANSWER_ONCE     a part does not answer again what it has answered
 */
#define attempts_max 2
#define refusals_max 1
#define all_parts 3

mtype = { queued, evaluating, starting, running, ended };

/* On disk. */
mtype record = queued;
bool is_cancelled = false;
byte stored[2];                  /* the attempt whose devices are stored; 0: none */
bool intent[2], done[2];

/* The coordinator's memory. */
mtype phase = queued;
byte attempt = 0, waits = 0, left = 0;
bool has_refusal = false;

/* The parts' memory. */
byte known[2], scanning[2];
bool is_over[2], has_part[2], begun[2], has_sent[2], is_unknown[2];

/* On their way, by attempt: bit by bit. */
byte prepare[2], discard[2], prepared[2], refused[2];
bool begin[2], finished[2];

/* To check by. */
byte began_with = 0, sent[2], discarded[2];
byte refusals = 0;

#define in(set, number) ((set) & (1 << (number)))

inline maybe(what, value) { if :: what = value :: skip fi }    /* or it gets lost */

inline check_part(i) {
  assert(sent[i] <= 1);
  assert(sent[i] == 0 || record == running || record == ended && !is_cancelled);
  assert(record != running || done[i] || stored[i] == began_with);
  assert(record != ended || is_cancelled || done[i]);
  assert(stored[i] == 0 || stored[i] > discarded[i])
}
inline check() { check_part(0); check_part(1) }

inline give_back() {
  phase = queued;
  discard[0] = discard[0] | (1 << attempt); discard[1] = discard[1] | (1 << attempt)
}

inline wait_for_all() { waits = all_parts; left = 2 }

proctype coordinator() {
  do
  :: atomic {
       phase == queued && attempt < attempts_max ->
       attempt++; phase = evaluating; has_refusal = false; wait_for_all();
       maybe(prepare[0], prepare[0] | (1 << attempt)); maybe(prepare[1], prepare[1] | (1 << attempt))
     }
  :: atomic {
       phase == starting ->                                    /* its record reaches the disk */
       record = running; began_with = attempt; phase = running; wait_for_all();
       maybe(begin[0], true); maybe(begin[1], true);
       check()
     }
  :: atomic { phase == starting && refusals < refusals_max -> refusals++; give_back() }
  :: atomic {
       phase == queued || phase == evaluating ->               /* somebody cancels */
       if :: phase == evaluating -> give_back() :: else fi;
       phase = ended; record = ended; is_cancelled = true;
       check()
     }
  :: phase == ended -> break
  od
}

#ifdef NO_SET
#define waits_for(i) (left > 0)
#else
#define waits_for(i) in(waits, i)
#endif
#ifdef ANY_ATTEMPT
#define has_prepared(i) (prepared[i] != 0)
#else
#define has_prepared(i) in(prepared[i], attempt)
#endif

/* The coordinator again: what it hears of part i, and says to it once more. */
proctype ear(byte i) {
  do
  :: atomic {
       phase == evaluating && waits_for(i) && (has_prepared(i) || in(refused[i], attempt)) ->
       if
       :: has_prepared(i)
       :: in(refused[i], attempt) -> has_refusal = true
       fi;
       waits = waits & ~(1 << i); left--;
       if
       :: left == 0 && has_refusal -> give_back()
       :: left == 0 && !has_refusal ->
            phase = starting;
#ifdef BEGIN_EARLY
            begin[0] = true; begin[1] = true
#endif
       :: else
       fi
     }
  :: atomic {
       phase == running && waits_for(i) && finished[i] ->
       waits = waits & ~(1 << i); left--;
       if
       :: left == 0 -> phase = ended; record = ended; check()
       :: else
       fi
     }
#ifndef SAY_ONCE
  :: atomic { phase == evaluating && waits_for(i) && !in(prepare[i], attempt) -> prepare[i] = prepare[i] | (1 << attempt) }
  :: atomic { phase == running && waits_for(i) && !begin[i] -> begin[i] = true }
#endif
  :: phase == ended -> break
  od
}

#define is_new(i, a) ((a) > known[i])
#ifdef OLD_PREPARE
#undef is_new
#define is_new(i, a) ((a) != known[i])
#endif
#ifdef PREPARE_AGAIN
#undef is_new
#define is_new(i, a) ((a) > known[i] || (a) == known[i] && is_over[i])
#endif
#ifdef OLD_DISCARD
#define may_discard(i, a) (known[i] != 0)
#else
#define may_discard(i, a) ((a) >= known[i])
#endif

inline take_prepare(i, a) {
  known[i] = a; is_over[i] = false; has_part[i] = false; begun[i] = false; scanning[i] = a;
#ifdef TELL_EARLY
  prepared[i] = prepared[i] | (1 << a)
#endif
}
inline take_discard(i, a) {
  known[i] = a; is_over[i] = true; has_part[i] = false; scanning[i] = 0; stored[i] = 0; discarded[i] = a;
  check()
}
#define hears_discard(i, a) (in(discard[i], a) && may_discard(i, a) && !begun[i] && !(known[i] == a && is_over[i]))

proctype part(byte i) {
  do
  :: atomic { in(prepare[i], 1) && is_new(i, 1) -> take_prepare(i, 1) }
  :: atomic { in(prepare[i], 2) && is_new(i, 2) -> take_prepare(i, 2) }
#ifndef ANSWER_ONCE
  :: atomic {
       known[i] != 0 && in(prepare[i], known[i]) && has_part[i] && !in(prepared[i], known[i]) ->
       prepared[i] = prepared[i] | (1 << known[i])
     }
#endif
  :: atomic {
       scanning[i] != 0 ->                                     /* its devices reach the disk */
       stored[i] = scanning[i]; scanning[i] = 0; has_part[i] = true;
       maybe(prepared[i], prepared[i] | (1 << stored[i]));
       check()
     }
  :: atomic {
       scanning[i] != 0 && refusals < refusals_max ->
       refusals++; refused[i] = refused[i] | (1 << scanning[i]); scanning[i] = 0
     }
  :: atomic { hears_discard(i, 1) -> take_discard(i, 1) }
  :: atomic { hears_discard(i, 2) -> take_discard(i, 2) }
  :: atomic { begin[i] && has_part[i] && !begun[i] -> begun[i] = true }
#ifndef ANSWER_ONCE
  :: atomic { begin[i] && !has_part[i] && !finished[i] -> finished[i] = true }
#endif
  /* Its device: an intent that is on disk, the method, its outcome. */
  :: atomic { begun[i] && !intent[i] -> intent[i] = true }
#ifdef NO_INTENT
  :: atomic { begun[i] && !is_unknown[i] && !has_sent[i] -> has_sent[i] = true; sent[i]++; check() }
#else
  :: atomic { begun[i] && intent[i] && !is_unknown[i] && !has_sent[i] -> has_sent[i] = true; sent[i]++; check() }
#endif
  :: atomic {
       begun[i] && intent[i] && (has_sent[i] || is_unknown[i]) ->
       done[i] = true; has_part[i] = false; begun[i] = false; is_over[i] = true; has_sent[i] = false;
       maybe(finished[i], true);
       check()
     }
  :: phase == ended -> break
  od
}

inline start_part(i) {
  known[i] = 0; scanning[i] = 0; discarded[i] = 0; has_sent[i] = false;
  prepare[i] = 0; discard[i] = 0; prepared[i] = 0; refused[i] = 0; begin[i] = false; finished[i] = false;
  if
  :: record == running -> has_part[i] = !done[i]; begun[i] = !done[i]; is_over[i] = done[i]
  :: else -> has_part[i] = false; begun[i] = false; is_over[i] = false; stored[i] = 0
  fi;
#ifndef SEND_UNKNOWN
  is_unknown[i] = intent[i] && !done[i]
#endif
}

proctype kill() {
  if
  :: atomic {
       phase != ended ->
       start_part(0); start_part(1);
       attempt = 0;
       if
       :: record == running -> phase = running; wait_for_all()
       :: else -> phase = queued
       fi;
       check()
     }
  :: true
  fi
}

init { atomic { run coordinator(); run ear(0); run ear(1); run part(0); run part(1); run kill() } }
