/*===- Tiles.h - the system's leave to use tiles ------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_RUNTIME_TILES_H
#define LOWBIT_RUNTIME_TILES_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Asks the system for the tile registers of AMX, whose 8 KiB Linux keeps only
 * for processes that want them, and returns whether they may be used: without
 * leave, the first instruction on a tile ends the process. Leave is for all
 * threads and lasts; asking again costs a system call.
 */
int lowbit_request_tiles(void);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_RUNTIME_TILES_H */
