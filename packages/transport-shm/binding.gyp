{
  'targets': [
    {
      'target_name': 'entropynet_shm',
      'sources': [
        'native/addon.cc',
        'native/environment.cc',
        'native/napi_arguments.cc',
        'native/napi_error.cc',
        'native/napi_futex.cc',
        'native/napi_layout.cc',
        'native/napi_local_socket.cc',
        'native/napi_names.cc',
        'native/napi_process.cc',
        'native/napi_region.cc',
        'native/napi_region_copy.cc',
        'native/region_copy.cc',
        'native/socket_watch.cc',
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
            'native/platform/posix/descriptor.cc',
            'native/platform/posix/directory_lock.cc',
            'native/platform/posix/file_name.cc',
            'native/platform/posix/local_socket.cc',
            'native/platform/posix/mapping.cc',
          ],
        }],
        ['OS=="linux"', {
          'sources': [
            'native/platform/linux/file_name.cc',
            'native/platform/linux/futex.cc',
            'native/platform/linux/mapping.cc',
            'native/platform/linux/old_c_library.cc',
            'native/platform/linux/process_identity.cc',
            'native/platform/linux/socket_calls.cc',
          ],
          'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': [
            '-std=c++17',
            '-Wall',
            '-Wextra',
            '-Werror',
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
            'native/platform/macos/file_name.cc',
            'native/platform/macos/futex.cc',
            'native/platform/macos/mapping.cc',
            'native/platform/macos/process_identity.cc',
            'native/platform/macos/socket_calls.cc',
          ],
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'OTHER_CPLUSPLUSFLAGS': ['-Wall', '-Wextra', '-Wshadow'],
          },
        }],
        ['OS=="win"', {
          'sources': [
            'native/platform/windows/descriptor.cc',
            'native/platform/windows/directory_lock.cc',
            'native/platform/windows/file_name.cc',
            'native/platform/windows/futex.cc',
            'native/platform/windows/local_socket.cc',
            'native/platform/windows/mapping.cc',
            'native/platform/windows/named_pipe.cc',
            'native/platform/windows/pipe_connection.cc',
            'native/platform/windows/process_identity.cc',
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
