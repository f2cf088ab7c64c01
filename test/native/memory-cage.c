/*
 * An audit library of the dynamic loader (LD_AUDIT) that puts Node.js into a memory cage, as Electron has one: an ArrayBuffer
 * on memory that V8 did not allocate is refused to every addon, with the status that Electron's Node-API gives.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <string.h>

/* napi_no_external_buffers_allowed */
enum { NO_EXTERNAL_BUFFERS_ALLOWED = 22 };

static int refuse(void) { return NO_EXTERNAL_BUFFERS_ALLOWED; }

unsigned int la_version(unsigned int version) { return version < LAV_CURRENT ? version : LAV_CURRENT; }

unsigned int la_objopen(struct link_map* map, Lmid_t namespace, uintptr_t* cookie) {
  (void)map, (void)namespace, (void)cookie;
  return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym* symbol, unsigned int index, uintptr_t* from, uintptr_t* to, unsigned int* flags,
                       const char* name) {
  (void)index, (void)from, (void)to, (void)flags;
  if (strcmp(name, "napi_create_external_arraybuffer") == 0 || strcmp(name, "napi_create_external_buffer") == 0)
    return (uintptr_t)&refuse;
  return symbol->st_value;
}
