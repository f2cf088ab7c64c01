{
  'targets': [
    {
      'target_name': 'entropynet_shm',
      'sources': [
        'addon.cc',
        'environment.cc',
        'libuv_watch.cc',
        'napi_accounts.cc',
        'napi_arguments.cc',
        'napi_error.cc',
        'napi_futex.cc',
        'napi_layout.cc',
        'napi_local_socket.cc',
        'napi_names.cc',
        'napi_process.cc',
        'napi_region.cc',
        'napi_region_copy.cc',
        'napi_wake.cc',
        'region_copy.cc',
        'socket_watch.cc',
        'thread_watch.cc',
        'wake_hub.cc',
        'watch_listener.cc',
      ],
      'include_dirs': [
        '<!(node -p "require(\'node-addon-api\').include_dir")',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # A worker may be terminated between any two calls; what cannot be thrown then is nobody's loss.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'conditions': [
        ['OS!="win"', {
          'sources': [
            'platform/posix/accounts.cc',
            'platform/posix/descriptor.cc',
            'platform/posix/directory_lock.cc',
            'platform/posix/file_name.cc',
            'platform/posix/local_socket.cc',
            'platform/posix/mapping.cc',
            'platform/posix/readiness.cc',
          ],
        }],
        ['OS=="linux"', {
          'sources': [
            'platform/linux/access_list.cc',
            'platform/linux/event_queue.cc',
            'platform/linux/file_name.cc',
            'platform/linux/futex.cc',
            'platform/linux/mapping.cc',
            'platform/linux/old_c_library.cc',
            'platform/linux/process_identity.cc',
            'platform/linux/socket_calls.cc',
          ],
          'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': [
            '-std=c++17',
            '-Wall',
            '-Wextra',
            '-Wshadow',
            '-Wconversion',
            '-fno-exceptions',
            '-fvisibility=hidden',
            # Other people's headers are not held to our warnings.
            '-isystem <!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")',
            '-isystem <(node_root_dir)/include/node',
          ],
        }],
        ['OS=="mac"', {
          'sources': [
            'platform/macos/event_queue.cc',
            'platform/macos/file_name.cc',
            'platform/macos/futex.cc',
            'platform/macos/mapping.cc',
            'platform/macos/process_identity.cc',
            'platform/macos/socket_calls.cc',
          ],
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'OTHER_CPLUSPLUSFLAGS': ['-Wall', '-Wextra', '-Wshadow'],
          },
        }],
        # node-gyp adds a hook of its own by which other programs than node.exe can load the addon; the other
        # builds for Windows take windows/host_functions.h.
        ['OS=="win"', {
          'sources': [
            'platform/windows/descriptor.cc',
            'platform/windows/directory_lock.cc',
            'platform/windows/file_name.cc',
            'platform/windows/futex.cc',
            'platform/windows/local_socket.cc',
            'platform/windows/mapping.cc',
            'platform/windows/named_pipe.cc',
            'platform/windows/pipe_connection.cc',
            'platform/windows/process_identity.cc',
            'platform/windows/readiness.cc',
            'platform/windows/security.cc',
            'windows_errors.cc',
          ],
          'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', 'UNICODE', '_UNICODE'],
          'libraries': ['-ladvapi32.lib'],
          'msvs_settings': {
            'VCCLCompilerTool': {
              'AdditionalOptions': ['/std:c++17'],
              'WarningLevel': 4,
              'ExceptionHandling': 0,
            },
          },
        }],
      ],
    },
  ],
}
