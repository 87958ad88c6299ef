/* One shard of a cluster: node 0 owns it and commits batches one after another; answers get lost, requests come late,
 * waits for the standby are cancelled, the standby is promoted; node 1 claims the shard at any moment. As in
 * src/store/postgres/pg_store.cpp and cluster_tables.cpp.
 *
 * Checked in every state: what was acknowledged is there, also after a failover; what was refused is not, for good;
 * nothing changes behind what node 1 has loaded. Each of the rules below, taken out by its macro, breaks that:
 *
 *   NO_FENCE         a commit does not look at epoch and number
 *   NO_RAISE         a settlement does not raise the epoch
 *   SETTLE_BY_READ   a lost answer is settled by a read
 *   WARNING_IS_DONE  a wait for the standby that was cancelled counts as success
 *   NO_CLAIM_EPOCH   a claim does not raise the epoch
 */
#define batches 2
#define cuts_max 2

mtype = { commit, settle, claim, done, warned, fenced, nothing };

/* The row of the shard and the batches, bit by bit, as the primary has them, and as the standby does. */
byte epoch = 1, seq = 0, mask = 0;
bool is_claimed = false;
byte standby_epoch = 1, standby_seq = 0, standby_mask = 0;
bool standby_claimed = false;

byte acknowledged = 0, refused = 0, loaded = 0;
bool has_loaded = false;
byte cuts = 0;
bool has_failed_over = false;

/* Each lost answer costs the owner a session; the request on it may still be on its way. */
#define sessions 4
#define claim_session 3
chan request[sessions] = [1] of { mtype, byte, byte, byte };
chan answer[sessions] = [1] of { mtype, byte };

inline check() {
  assert((mask & acknowledged) == acknowledged);
  assert((mask & refused) == 0);
  assert(!has_loaded || mask == loaded)
}

inline replicate() {
  standby_epoch = epoch; standby_seq = seq; standby_mask = mask; standby_claimed = is_claimed
}

/* PostgreSQL: the row of the shard is locked until a transaction has its standby, or stops waiting. */
proctype server() {
  mtype kind; byte at, e, n, b; mtype told; bool changed, had_failed_over;
  end: do
  :: atomic {
       if
       :: request[0]?kind, e, n, b -> at = 0
       :: request[1]?kind, e, n, b -> at = 1
       :: request[2]?kind, e, n, b -> at = 2
       :: request[3]?kind, e, n, b -> at = 3
       fi;
       told = done; changed = true; had_failed_over = has_failed_over;
       if
       :: kind == commit ->
            if
#ifdef NO_FENCE
            :: true -> seq++; mask = mask | (1 << b)
#else
            :: epoch == e && seq == n -> seq++; mask = mask | (1 << b)
            :: else -> told = fenced; changed = false
#endif
            fi
       :: kind == settle ->
#ifdef SETTLE_BY_READ
            changed = false
#else
            if
            :: !is_claimed && epoch < e ->
#ifndef NO_RAISE
                 epoch = e
#else
                 skip
#endif
            :: else -> told = fenced; changed = false
            fi
#endif
       :: kind == claim ->
            is_claimed = true;
#ifndef NO_CLAIM_EPOCH
            epoch++
#else
            skip
#endif
       fi
     };
     if
     :: !changed -> skip
     :: atomic { changed && had_failed_over == has_failed_over -> replicate() }
     :: changed && had_failed_over != has_failed_over -> told = nothing    /* its server is gone */
     :: changed && cuts < cuts_max -> cuts++; told = warned                /* pg_cancel_backend */
     :: changed && cuts < cuts_max -> cuts++; told = nothing               /* pg_terminate_backend */
     fi;
     atomic { check(); answer[at]!told, seq }
  od
}

/* Promotes the standby once, with what it has. Who is connected to the old primary is cut off. */
proctype failover() {
  atomic {
    has_failed_over = true;
    epoch = standby_epoch; seq = standby_seq; mask = standby_mask; is_claimed = standby_claimed;
    check()
  }
}

proctype owner() {
  byte session = 0, known_epoch = 1, tried = 1, known_seq = 0, b = 0, now_seq; mtype told;
  do
  :: b == batches -> break
  :: b < batches ->
     request[session]!commit, known_epoch, known_seq, b;
     if
     :: answer[session]?told, now_seq
     :: session < claim_session - 1 -> told = nothing           /* the network; the request may come late */
     fi;
#ifdef WARNING_IS_DONE
     if :: told == warned -> told = done :: else fi;
#endif
     if
     :: told == fenced -> break
     :: told == done -> atomic { acknowledged = acknowledged | (1 << b); known_seq++; check() }
     :: else ->
        do
        :: session == claim_session - 1 -> goto out             /* as far as this model goes */
        :: else ->
           session++; tried++;
           request[session]!settle, tried, 0, 0;
           if
           :: answer[session]?told, now_seq
           :: session < claim_session - 1 -> told = nothing
           fi;
           if
           :: told == done ->
              atomic {
                known_epoch = tried;
                if
                :: now_seq == known_seq + 1 -> acknowledged = acknowledged | (1 << b); known_seq = now_seq
                :: now_seq == known_seq -> refused = refused | (1 << b)
                :: else -> goto out                             /* lost: it stops, loudly */
                fi;
                check()
              };
              break
           :: told == fenced -> goto out
           :: else
           fi
        od
     fi;
     b++
  od;
  out: skip
}

proctype claimer() {
  mtype told; byte now_seq;
  do
  :: request[claim_session]!claim, 0, 0, 0;
     answer[claim_session]?told, now_seq;
     if
     :: told == done -> atomic { loaded = mask; has_loaded = true; check() }; break
     :: else
     fi
  od
}

init { atomic { run server(); run owner(); run claimer(); run failover() } }
